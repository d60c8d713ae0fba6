package rest_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"souk/router/rest"
)

var update = flag.Bool("update", false, "rewrite golden files")

// openAPI returns the served OpenAPI document.
func openAPI(t testing.TB, h http.Handler) []byte {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/openapi.json", nil))
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("GET /api/openapi.json: got status %d, headers %s", w.Code, w.Header())
	}
	return w.Body.Bytes()
}

// TestOpenAPIIsValid checks the document against the OpenAPI Initiative's own
// schema of OpenAPI 3.1 (testdata/openapi-3.1.schema.json, Apache-2.0).
func TestOpenAPIIsValid(t *testing.T) {
	h, _ := newHandler(t, nil)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(openAPI(t, h)))
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.NewCompiler().Compile("testdata/openapi-3.1.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(document); err != nil {
		t.Error(err)
	}
	root := document.(map[string]any)
	schemas := root["components"].(map[string]any)["schemas"].(map[string]any)
	c := compilerOf(t, h)
	for name := range schemas {
		if _, err := c.Compile("openapi.json#/components/schemas/" + name); err != nil {
			t.Errorf("schema %s: %v", name, err)
		}
	}
	for path, item := range root["paths"].(map[string]any) {
		for method, operation := range item.(map[string]any) {
			o := operation.(map[string]any)
			if o["summary"] == nil || o["operationId"] == nil || o["tags"] == nil {
				t.Errorf("%s %s has no summary, operationId or tags", method, path)
			}
		}
	}
}

// The golden file has the whole document of a small schema.
func TestOpenAPIMatchesGoldenFile(t *testing.T) {
	h, err := rest.New(rest.Options{
		Documents: fstest.MapFS{"things.graphql": {Data: []byte(smallRoutes)}}, SchemaSDL: smallSchema, Executor: &graph{},
		Title: "Things", APIVersion: "2",
	})
	if err != nil {
		t.Fatal(err)
	}
	got := openAPI(t, h)
	const file = "testdata/things.openapi.json"
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the document differs from %s; run go test -update and read the diff", file)
	}
}

// Numbers in examples are numbers in the document, whatever their size.
func TestExamplesHaveNumbersOfAnySize(t *testing.T) {
	h, err := rest.New(rest.Options{
		Documents: fstest.MapFS{"make.graphql": {Data: []byte(`mutation make($name: String!, $amount: Float! @example(value: 99999999999999999999))
@rest(method: POST, path: "/v1/things", result: "make.thing") {
  make(input: {name: $name, price: {amount: $amount}}) { ... on Made { thing { id } } ... on Taken @problem(status: 409) { message code } }
}`)}},
		SchemaSDL: smallSchema, Executor: &graph{},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := openAPI(t, h); !regexp.MustCompile(`"amount": ?99999999999999999999\b`).Match(got) {
		t.Errorf("the example is not in %s", got)
	}
}

const smallRoutes = `
"""
Make a thing
It is there at once.
"""
mutation makeThing("What it is called." $name: String! @example(value: "lamp"), $price: PriceInput @wrap(field: "amount"))
@rest(method: POST, path: "/v1/things", status: 201, result: "make.thing", location: "/v1/things/{id}", version: "version", tag: "Things") {
  make(input: {name: $name, price: $price}) {
    ... on Made { thing { ...Thing } }
    ... on Taken @problem(status: 409) { message code }
  }
}

"List things"
query listThings($first: Int, $after: String)
@rest(method: GET, path: "/v1/things", result: "things.nodes", page: "things", pageSize: 5, tag: "Things") {
  things(first: $first, after: $after) { nodes { ...Thing } pageInfo { hasNextPage endCursor } }
}

fragment Thing on Thing { id name price @unwrap { amount } version }
`

func compilerOf(t testing.TB, h http.Handler) *jsonschema.Compiler {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(openAPI(t, h)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("openapi.json", document); err != nil {
		t.Fatal(err)
	}
	return c
}

// checkDescribed checks an exchange against the OpenAPI document: every response
// matches the schema of its status, and an accepted body matches the schema of the
// request.
func checkDescribed(t testing.TB, h http.Handler, pattern, requestBody string, w *httptest.ResponseRecorder) {
	t.Helper()
	method, path, isRoute := strings.Cut(pattern, " ")
	if !isRoute {
		return
	}
	c := compilerOf(t, h)
	operation := "openapi.json#/paths/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(path) + "/" + strings.ToLower(method)
	check := func(location, body string) {
		t.Helper()
		schema, err := c.Compile(operation + location)
		if err != nil {
			t.Fatalf("%s: not in the document: %v", location, err)
		}
		instance, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(instance); err != nil {
			t.Errorf("the body does not match the document: %v\n%s", err, body)
		}
	}
	if w.Code < 300 && requestBody != "" {
		check("/requestBody/content/application~1json/schema", requestBody)
	}
	if w.Body.Len() == 0 {
		return
	}
	status, kind := strconv.Itoa(w.Code), "application~1json"
	if w.Code >= 400 {
		kind = "application~1problem+json"
		if _, err := c.Compile(operation + "/responses/" + status + "/content/" + kind + "/schema"); err != nil {
			status = "default"
		}
	}
	check("/responses/"+status+"/content/"+kind+"/schema", w.Body.String())
}

// documentedProblems returns the problem types that the page documents.
func documentedProblems(t testing.TB, h http.Handler) []string {
	t.Helper()
	var document struct {
		Problems []struct{ Name string } `json:"x-problems"`
	}
	if err := json.Unmarshal(openAPI(t, h), &document); err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, p := range document.Problems {
		types = append(types, "/api/docs#problem-"+p.Name)
	}
	return types
}

func TestDocsPageNeedsNothingElse(t *testing.T) {
	h, _ := newHandler(t, nil)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/docs", nil))
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
		t.Fatalf("got status %d, headers %s", w.Code, w.Header())
	}
	for _, from := range []string{"http://", "https://", "src=", "@import"} {
		if strings.Contains(w.Body.String(), from) {
			t.Errorf("the page loads a resource: %s", from)
		}
	}
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("Content-Security-Policy = %s", csp)
	}
}

// Every text, number and list of a request has its limits in the document, so that
// clients and test generators know what the store accepts.
func TestOpenAPIStatesTheLimitsOfInput(t *testing.T) {
	h, _ := newHandler(t, nil)
	type parameter struct {
		Ref    string `json:"$ref"`
		Name   string
		Schema map[string]any
	}
	var document struct {
		Paths map[string]map[string]struct {
			Parameters  []parameter
			RequestBody struct {
				Content map[string]struct{ Schema map[string]any }
			}
		}
		Components struct {
			Schemas    map[string]map[string]any
			Parameters map[string]parameter
		}
	}
	if err := json.Unmarshal(openAPI(t, h), &document); err != nil {
		t.Fatal(err)
	}
	var check func(at string, schema map[string]any, depth int)
	check = func(at string, schema map[string]any, depth int) {
		if ref, ok := schema["$ref"].(string); ok {
			schema = document.Components.Schemas[path.Base(ref)]
		}
		for kind, limits := range map[string][][]string{
			"string": {{"maxLength", "pattern", "enum", "const", "format"}},
			"array":  {{"maxItems"}}, "integer": {{"minimum"}, {"maximum"}}, "number": {{"minimum"}, {"maximum"}},
		} {
			types, _ := schema["type"].([]any)
			if !slices.Contains(append(types, schema["type"]), any(kind)) {
				continue
			}
			for _, oneOf := range limits {
				if !slices.ContainsFunc(oneOf, func(limit string) bool { return schema[limit] != nil }) {
					t.Errorf("%s, a %s, has none of %v", at, kind, oneOf)
				}
			}
		}
		children, _ := schema["properties"].(map[string]any)
		for name, child := range children {
			if child, ok := child.(map[string]any); ok && depth < 6 {
				check(at+"."+name, child, depth+1)
			}
		}
		for _, key := range []string{"oneOf", "anyOf", "allOf"} {
			members, _ := schema[key].([]any)
			for _, child := range members {
				check(at, child.(map[string]any), depth+1)
			}
		}
		if items, ok := schema["items"].(map[string]any); ok {
			check(at+"[]", items, depth+1)
		}
	}
	for route, methods := range document.Paths {
		for method, operation := range methods {
			for _, p := range operation.Parameters {
				if p.Ref != "" {
					p = document.Components.Parameters[path.Base(p.Ref)]
				}
				if !strings.HasPrefix(p.Name, "If-") { // whose syntax is that of HTTP
					check(method+" "+route+" "+p.Name, p.Schema, 0)
				}
			}
			for _, body := range operation.RequestBody.Content {
				check(method+" "+route, body.Schema, 0)
			}
		}
	}
}
