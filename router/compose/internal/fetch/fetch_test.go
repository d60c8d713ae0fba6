package fetch_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
	"github.com/vektah/gqlparser/v2/parser"

	"souk/router/compose/internal/fetch"
	"souk/router/introspect"
	"souk/router/operation"
	"souk/router/supergraph"
)

// plain is a GraphQL service without _service: only introspection works.
func plain(t *testing.T, sdl string) *httptest.Server {
	t.Helper()
	schema, err := operation.NewSchema(sdl)
	if err != nil {
		t.Fatal(err)
	}
	introspector := introspect.New(schema)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request struct{ Query string }
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			t.Error(err)
		}
		document, err := schema.Parse(request.Query, "")
		if err != nil {
			_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]any{"message": err.Error()}}})
			return
		}
		value, err := introspector.Answer(document.Operation(operation.Variables{}).Selections[0].(*operation.Field), operation.Variables{})
		if err != nil {
			t.Error(err)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"__schema": value}})
	}))
	t.Cleanup(server.Close)
	return server
}

// printed is a schema in one form.
func printed(t *testing.T, sdl string) string {
	t.Helper()
	schema, err := gqlparser.LoadSchema(&ast.Source{Input: sdl})
	if err != nil {
		t.Fatalf("%v\n%s", err, sdl)
	}
	var text strings.Builder
	formatter.NewFormatter(&text).FormatSchema(schema)
	return text.String()
}

// withoutConstraints removes directives from arguments and input fields.
func withoutConstraints(t *testing.T, sdl string) string {
	t.Helper()
	document, err := parser.ParseSchema(&ast.Source{Input: sdl})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range document.Definitions {
		for _, f := range d.Fields {
			for _, a := range f.Arguments {
				a.Directives = nil
			}
			if d.Kind == ast.InputObject {
				f.Directives = nil
			}
		}
	}
	var text strings.Builder
	formatter.NewFormatter(&text).FormatSchemaDocument(document)
	return text.String()
}

// The SDL of an introspected schema is that schema.
func TestIntrospectedSchemaIsTheSame(t *testing.T) {
	text, err := os.ReadFile("../../../../schema/supergraph.graphql")
	if err != nil {
		t.Fatal(err)
	}
	model, err := supergraph.Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	schemas := map[string]string{
		// Introspection does not tell where directives are applied.
		"the store": withoutConstraints(t, model.APISchema),
		"kinds": `schema { query: Root mutation: Change }
"""A
description
"""
type Root implements Node & Named { id: ID! name(upper: Boolean! = false, tags: [String!] = ["a", "b"], at: Point = {x: 1, y: 2}, kind: Kind = ONE): String @deprecated(reason: "old \"one\"") all: [[Any!]!]! }
type Change { either(in: Either): Int set(point: Point!, by: Int @deprecated(reason: "one point")): Root }
interface Node { id: ID! }
interface Named implements Node { id: ID! name(upper: Boolean! = false, tags: [String!] = ["a", "b"], at: Point = {x: 1, y: 2}, kind: Kind = ONE): String }
union Any = Root | Change
enum Kind { ONE TWO @deprecated(reason: "No longer supported") }
input Point { "abscissa" x: Int! = 3 y: Float z: Float @deprecated(reason: "flat") }
input Either @oneOf { x: Int y: Int }
scalar Time
directive @oneOf on INPUT_OBJECT
directive @once on FIELD
directive @often(of: Int) repeatable on FIELD | OBJECT
`,
	}
	for name, sdl := range schemas {
		server := plain(t, sdl)
		got, err := fetch.SDL(t.Context(), server.Client(), server.URL, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := printed(t, sdl)
		for _, line := range strings.Split(printed(t, got), "\n") {
			if !strings.Contains(want, line) {
				t.Errorf("%s: the schema does not have the line %q", name, line)
			}
		}
		if a, b := strings.Count(printed(t, got), "\n"), strings.Count(want, "\n"); name == "kinds" && a != b {
			t.Errorf("got %d lines, want %d", a, b)
		}
	}
}

func TestFailuresSayWhatToDo(t *testing.T) {
	for response, want := range map[string]string{
		`<html>`:                             "without a GraphQL response in JSON; is it the URL of the GraphQL endpoint?",
		`{"data":null}`:                      "responded with status 200 and without data",
		`{"errors":[{"message":"not you"}]}`: "responded with an error: not you; introspection failed, too: ",
		`{"data":{"_service":{"sdl":""}}}`:   "responded with an empty SDL; introspection failed, too: the response has no schema; check that it is a Federation subgraph",
		`{"data":{"_service":1}}`:            "responded with data of another form",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(response)) }))
		_, err := fetch.SDL(t.Context(), server.Client(), server.URL, nil)
		server.Close()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", response, err, want)
		}
	}
}

// A service that does not know deprecated inputs is introspected without them.
func TestServicesOfEarlierSpecificationsAreIntrospected(t *testing.T) {
	current := plain(t, "type Query { a(b: Int, c: Int @deprecated): Int }")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if strings.Contains(string(body), "args(includeDeprecated") {
			_, _ = w.Write([]byte(`{"errors":[{"message":"Unknown argument \"includeDeprecated\" on field \"__Field.args\"."}]}`))
			return
		}
		response, err := current.Client().Post(current.URL, "application/json", bytes.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		defer response.Body.Close()
		_, _ = io.Copy(w, response.Body)
	}))
	defer server.Close()
	got, err := fetch.SDL(t.Context(), server.Client(), server.URL, nil)
	if err != nil || !strings.Contains(got, "a(b: Int): Int") {
		t.Errorf("got %s, %v", got, err)
	}
}
