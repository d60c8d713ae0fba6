package introspect_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"souk/router/introspect"
	"souk/router/operation"
)

var update = flag.Bool("update", false, "rewrite the reference with graphql-js (install it with npm ci in router/gateway/playground/bundle)")

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// answer resolves the introspection fields of a query.
func answer(t *testing.T, i *introspect.Introspector, s *operation.Schema, query, variables string) map[string]any {
	t.Helper()
	d, err := s.Parse(query, "")
	if err != nil {
		t.Fatal(err)
	}
	vars, err := d.Variables(json.RawMessage(variables))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]any{}
	for _, sel := range d.Operation(vars).Selections {
		f := sel.(*operation.Field)
		raw, err := i.Answer(f, vars)
		if err != nil {
			t.Fatal(err)
		}
		var value any
		if err := json.Unmarshal(raw, &value); err != nil {
			t.Fatalf("%v\n%s", err, raw)
		}
		out[f.Alias] = value
	}
	return out
}

// TestIntrospectionMatchesGraphQLJS compares the values with those of graphql-js. It
// ignores the order of types and directives, and @defer, which graphql-js does
// not define.
func TestIntrospectionMatchesGraphQLJS(t *testing.T) {
	refresh(t)
	var reference struct{ Data map[string]any }
	if err := json.Unmarshal([]byte(read(t, "reference.json")), &reference); err != nil {
		t.Fatal(err)
	}
	s, err := operation.NewSchema(read(t, "schema.graphql"))
	if err != nil {
		t.Fatal(err)
	}
	i := introspect.New(s)
	for range 2 { // the second value comes from the cache
		got := answer(t, i, s, read(t, "query.graphql"), `{"name":"Root"}`)
		compare(t, "", sorted(got), sorted(reference.Data))
	}
}

// refresh compares the reference file with graphql-js, if that is installed.
func refresh(t *testing.T) {
	t.Helper()
	graphql := "../gateway/playground/bundle/node_modules/graphql"
	node, err := exec.LookPath("node")
	if _, missing := os.Stat(graphql); err != nil || missing != nil {
		return // use the reference file as it is
	}
	now, err := exec.CommandContext(t.Context(), node, "testdata/reference.mjs", graphql).Output()
	if err != nil {
		t.Fatalf("run graphql-js: %v", err)
	}
	if *update {
		if err := os.WriteFile("testdata/reference.json", now, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(now, []byte(read(t, "reference.json"))) {
		t.Error("testdata/reference.json differs from graphql-js; run the test with -update")
	}
}

// sorted sorts types and directives by name. It removes @defer and the parts that
// differ between drafts of the specification.
func sorted(data map[string]any) map[string]any {
	schema := data["__schema"].(map[string]any)
	for _, key := range []string{"types", "directives"} {
		list := slices.DeleteFunc(schema[key].([]any), func(x any) bool { return name(x) == "defer" })
		slices.SortFunc(list, func(a, b any) int { return strings.Compare(name(a), name(b)) })
		for _, x := range list {
			n := name(x)
			if strings.HasPrefix(n, "__") { // drafts differ in the fields of these types
				maps.DeleteFunc(x.(map[string]any), func(key string, _ any) bool { return key != "kind" && key != "name" })
			}
		}
		schema[key] = list
	}
	return data
}

func name(x any) string { return x.(map[string]any)["name"].(string) }

func compare(t *testing.T, path string, got, want any) {
	t.Helper()
	if reflect.DeepEqual(got, want) {
		return
	}
	switch want := want.(type) {
	case map[string]any:
		if got, ok := got.(map[string]any); ok && len(got) == len(want) {
			for key := range want {
				compare(t, path+"."+key, got[key], want[key])
			}
			return
		}
	case []any:
		if got, ok := got.([]any); ok && len(got) == len(want) {
			for i := range want {
				label := path + "[]"
				if m, ok := want[i].(map[string]any); ok && m["name"] != nil {
					label = path + "[" + m["name"].(string) + "]"
				}
				compare(t, label, got[i], want[i])
			}
			return
		}
	}
	t.Errorf("%s\ngot  %v\nwant %v", path, got, want)
}

// TestDeferMatchesTheProposal checks the arguments of @defer in the incremental
// delivery proposal.
func TestDeferMatchesTheProposal(t *testing.T) {
	s, err := operation.NewSchema("type Query { a: Int }")
	if err != nil {
		t.Fatal(err)
	}
	got := answer(t, introspect.New(s), s, "{ __schema { directives { name args { name type { kind ofType { name } } defaultValue } } } }", "")
	for _, d := range got["__schema"].(map[string]any)["directives"].([]any) {
		if name(d) != "defer" {
			continue
		}
		want := []any{
			map[string]any{"name": "if", "type": map[string]any{"kind": "NON_NULL", "ofType": map[string]any{"name": "Boolean"}}, "defaultValue": "true"},
			map[string]any{"name": "label", "type": map[string]any{"kind": "SCALAR", "ofType": nil}, "defaultValue": nil},
		}
		if args := d.(map[string]any)["args"]; !reflect.DeepEqual(args, want) {
			t.Errorf("@defer has the arguments %v, want %v", args, want)
		}
		return
	}
	t.Error("the schema has no @defer")
}

func TestOtherFieldsAreRejected(t *testing.T) {
	s, err := operation.NewSchema("type Query { a: Int }")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := introspect.New(s).Answer(&operation.Field{Name: "a"}, nil); err == nil {
		t.Error("a field other than __schema and __type was resolved")
	}
}

// TestCacheStaysCorrectWhenFull sends more different queries than the cache
// holds.
func TestCacheStaysCorrectWhenFull(t *testing.T) {
	s, err := operation.NewSchema("type Query { a: Int }")
	if err != nil {
		t.Fatal(err)
	}
	i := introspect.New(s)
	for n := range 100 {
		alias := "a" + strings.Repeat("x", n)
		got := answer(t, i, s, "{ __type(name: \"Query\") { "+alias+": name } }", "")
		if got["__type"].(map[string]any)[alias] != "Query" {
			t.Fatalf("got %v", got)
		}
	}
}
