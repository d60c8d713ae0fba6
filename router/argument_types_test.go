package router_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"

	"souk/router"
	"souk/router/compose"
	"souk/router/gateway/config"
)

// strictSubgraphs are subgraphs whose arguments differ in what may be null, also in lists and in input
// objects, which composition allows.
var strictSubgraphs = map[string]string{
	"a": `extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@shareable"])
type Query { hello: String node(id: ID!): Node first: First @shareable }
type First { count(n: Int, f: Float, s: String, id: ID, ns: [Int], in: In): String @shareable b: Int }
type Node @key(fields: "id") { id: ID! text(n: Int, ns: [Int], nested: [[Int]], f: Float, s: String = "x", in: In): String @shareable other: Int }
input In { n: Int ns: [Int] s: String in: In }`,
	"b": `extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@shareable"])
type Query { first: First @shareable }
type First { count(n: Int!, f: Float!, s: String!, id: ID!, ns: [Int!]!, in: In!): String @shareable c: Int }
type Node @key(fields: "id") { id: ID! text(n: Int!, ns: [Int!]!, nested: [[Int!]!]!, f: Float!, s: String = "x", in: In!): String @shareable mood(n: Int): String }
input In { n: Int! ns: [Int!] s: String! in: In }`,
}

// A strictSubgraph validates requests, with another implementation of GraphQL's rules than the router's
// own, and responds with what it got.
type strictSubgraph struct {
	schema  *ast.Schema
	mu      sync.Mutex
	refused []string
	// templates is how many requests had variables in the places of literals.
	templates int
}

func newStrictSubgraph(t *testing.T, sdl string) *strictSubgraph {
	_, body, _ := strings.Cut(sdl, "\n")
	body = strings.NewReplacer(`type Query {`, `type Query { _entities(representations: [_Any!]!): [_Entity]! `).Replace(body) +
		` scalar _Any scalar FieldSet union _Entity = Node directive @shareable on FIELD_DEFINITION directive @key(fields: FieldSet!) on OBJECT`
	schema, err := gqlparser.LoadSchema(&ast.Source{Input: body})
	if err != nil {
		t.Fatal(err)
	}
	return &strictSubgraph{schema: schema}
}

func (s *strictSubgraph) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Query     string
		Variables map[string]any
	}
	err := json.NewDecoder(r.Body).Decode(&request)
	if err == nil {
		document, problems := gqlparser.LoadQueryWithRules(s.schema, request.Query, nil)
		if len(problems) > 0 {
			err = problems
		} else {
			_, err = validator.VariableValues(s.schema, document.Operations[0], request.Variables)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.Contains(request.Query, "$literal0") {
		s.templates++
	}
	if err != nil {
		s.refused = append(s.refused, fmt.Sprintf("%v: %s %v", err, request.Query, request.Variables))
		fmt.Fprint(w, `{"errors":[{"message":"refused"}]}`)
		return
	}
	fmt.Fprint(w, `{"data":{"first":{"count":"x","b":1,"c":1},"node":{"__typename":"Node","id":"1","text":"x","other":1},"_entities":[{"__typename":"Node","text":"x","mood":"x","other":1}]}}`)
}

// What subgraphs get is valid for their own arguments, with literals as well as with variables, also when
// literals of many operations have become variables.
func TestArgumentsAreValidForEachSubgraph(t *testing.T) {
	for name, list := range map[string][]string{"both": {"a", "b"}, "a": {"a"}} {
		t.Run(name, func(t *testing.T) {
			var parts []compose.Subgraph
			servers := map[string]*strictSubgraph{}
			urls := config.SubgraphURLs{}
			for _, name := range list {
				servers[name] = newStrictSubgraph(t, strictSubgraphs[name])
				server := httptest.NewServer(servers[name])
				t.Cleanup(server.Close)
				urls[name] = []string{server.URL}
				parts = append(parts, compose.Subgraph{Name: name, URL: server.URL, SDL: strictSubgraphs[name]})
			}
			composed, err := compose.Compose(t.Context(), parts)
			if err != nil {
				t.Fatal(err)
			}
			h := newHookedWith(t, composed.SDL, func(c *config.Config) { c.OverrideSubgraphURLs = urls }, router.Extensions{})
			in := `{n: LIT, ns: [LIT, LIT], s: \"LIT\", in: {n: LIT, s: \"x\"}}`
			operations := []string{
				`{ first { count(n: LIT, f: LIT, s: \"LIT\", id: LIT, ns: [LIT], in: ` + in + `) } }`,
				`{ first { count(n: LIT, f: LIT.5, s: \"LIT\", id: \"LIT\", ns: LIT, in: ` + in + `) } }`,
				`{ node(id: LIT) { text(n: LIT, ns: [LIT, 7], nested: [[LIT]], f: LIT, s: \"LIT\", in: ` + in + `) } }`,
				`{ node(id: \"LIT\") { text(n: LIT, ns: LIT, nested: LIT, f: LIT, in: ` + in + `) } }`,
				`query ($n: Int = LIT, $s: String = \"LIT\") { first { count(n: $n, f: LIT, s: $s, id: LIT, ns: [LIT], in: {n: LIT, s: $s}) } }`,
			}
			if slices.Contains(list, "b") {
				count := `count(n: LIT, f: LIT, s: \"LIT\", id: LIT, ns: [LIT], in: ` + in + `)`
				operations = append(operations, `{ first { c `+count+` } }`, `{ first { b c `+count+` } }`,
					`{ node(id: LIT) { other mood(n: LIT) text(n: LIT, ns: [LIT], nested: [[LIT]], f: LIT, in: `+in+`) } }`)
			} else {
				operations = append(operations, `{ first { count(n: null, ns: [LIT, null], in: {ns: [null, LIT]}) } }`)
			}
			for _, operation := range operations {
				for i := range 5 {
					body := fmt.Sprintf(`{"query":"%s"}`, strings.ReplaceAll(operation, "LIT", fmt.Sprint(i)))
					if res, got := h.do(t, "POST", "/graphql", body); res.StatusCode != 200 || strings.Contains(got, "errors") {
						t.Errorf("%s: status %d, %s", body, res.StatusCode, got)
					}
				}
			}
			for name, s := range servers {
				if s.templates == 0 {
					t.Errorf("%s got no literal as a variable", name)
				}
				for _, refused := range s.refused {
					t.Errorf("%s refused: %s", name, refused)
				}
			}
		})
	}
}
