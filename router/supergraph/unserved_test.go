package supergraph_test

import (
	"strings"
	"testing"

	"souk/router/supergraph"
)

const unservedHead = `directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
directive @join__type(graph: join__Graph!, key: join__FieldSet) repeatable on OBJECT
directive @join__directive(graphs: [join__Graph!], name: String!, args: join__DirectiveArguments) repeatable on SCHEMA | OBJECT | FIELD_DEFINITION
scalar join__FieldSet
scalar link__Import
scalar join__DirectiveArguments
enum link__Purpose { SECURITY EXECUTION }
`

// What the router cannot serve is named with its subgraph and its place.
func TestUnserved(t *testing.T) {
	for _, c := range []struct {
		name, schema, url, query string
		want                     []supergraph.Unserved
	}{
		{name: "nothing", url: "http://a", query: `x: Int @deprecated(reason: "old")`},
		{name: "nothing of Mesh with GraphQL", schema: `@transport(subgraph: "a", kind: "http", location: "http://a")`, url: "http://a", query: "x: Int"},
		{
			name: "an undefined directive", url: "http://a", query: "x(y: Int @shiny): Int @shiny\n z: Int @shiny w: Int @shiny",
			want: []supergraph.Unserved{{Problem: `@shiny is applied at Query.x (line 12, column 25), Query.x(y:) (line 12, column 12), Query.z (line 13, column 10) and 1 more, but the supergraph does not define the directive: it has no effect; compose the supergraph again, or remove it`}},
		},
		{
			name: "an undefined protection", url: "http://a", query: "y: Int x: Int @inaccessible",
			want: []supergraph.Unserved{{Fatal: true, Problem: `@inaccessible is applied at Query.x (line 12, column 17), but the supergraph neither defines the directive nor links its specification, so that it would not be enforced; compose the supergraph from subgraphs that import @inaccessible with @link`}},
		},
		{
			name: "a transport", schema: `@transport(subgraph: "a", kind: "rest", location: "http://a")`, url: "http://a", query: `x: Int @httpOperation(subgraph: "a", path: "/x")`,
			want: []supergraph.Unserved{{Subgraph: "a", Fatal: true, Problem: `the subgraph a is reached only by the transport "rest" (@transport at schema (line 9, column 137)), and this router speaks GraphQL over HTTP; run a GraphQL server for it, such as a gateway that serves this subgraph alone, and set override_subgraph_urls.a to its URL`}},
		},
		{
			name: "a transport in @join__directive", schema: `@join__directive(graphs: [A], name: "transport", args: {subgraph: "a", kind: "mysql"})`, url: "mysql://a", query: `x: Int`,
			want: []supergraph.Unserved{{Subgraph: "a", Fatal: true, Problem: `the subgraph a is reached only by the transport "mysql" (@transport at schema (line 9, column 137)), and this router`}},
		},
		{
			name: "operations only", url: "http://a", query: `x: Int @httpOperation(subgraph: "a", path: "/x")`,
			want: []supergraph.Unserved{{Subgraph: "a", Fatal: true, Problem: `the subgraph a is reached only by requests that are not GraphQL (@httpOperation at Query.x (line 12, column 10)), and`}},
		},
		{
			name: "gRPC", url: "grpc://user:secret@a:50051", query: "x: Int",
			want: []supergraph.Unserved{{Subgraph: "a", Fatal: true, Problem: `the subgraph a is reached only by grpc (its URL is grpc://user:xxxxx@a:50051), and`}},
		},
		{
			name: "connectors", schema: `@link(url: "https://specs.apollo.dev/connect/v0.2", for: EXECUTION) @join__directive(graphs: [A], name: "source", args: {name: "json"})`, url: "none",
			query: `x: Int @join__directive(graphs: [A], name: "connect", args: {source: "json", http: {GET: "/x"}, selection: "x"})`,
			want:  []supergraph.Unserved{{Subgraph: "a", Fatal: true, Problem: `fields of the subgraph a are resolved by Apollo Connectors (connect/v0.2): @connect at Query.x (line 12, column 10). This router does not run them; resolve the fields in a GraphQL server, and set override_subgraph_urls.a to its URL`}},
		},
		{
			name: "connectors in @join__directive", schema: `@join__directive(graphs: [A], name: "link", args: {url: "https://specs.apollo.dev/connect/v0.1"})`, url: "http://a",
			query: `x: Int @join__directive(graphs: [A], name: "connect", args: {http: {GET: "/x"}})`,
			want:  []supergraph.Unserved{{Subgraph: "a", Fatal: true, Problem: `fields of the subgraph a are resolved by Apollo Connectors (connect/v0.1): @connect at Query.x`}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			mesh := ""
			if strings.Contains(c.schema+c.query, "@transport") || strings.Contains(c.query, "@httpOperation") {
				mesh = "directive @transport(subgraph: String, kind: String, location: String) on SCHEMA directive @httpOperation(subgraph: String, path: String) on FIELD_DEFINITION\n"
			}
			m, err := supergraph.Parse(unservedHead + `schema @link(url: "https://specs.apollo.dev/link/v1.0") @link(url: "https://specs.apollo.dev/join/v0.5", for: EXECUTION)               ` + c.schema + " { query: Query }\n" +
				`enum join__Graph { A @join__graph(name: "a", url: "` + c.url + "\") }\ntype Query @join__type(graph: A) {\n " + c.query + "\n}\n" + mesh)
			if err != nil {
				t.Fatal(err)
			}
			if len(m.Unserved) != len(c.want) {
				t.Fatalf("got %+v, want %d", m.Unserved, len(c.want))
			}
			for i, want := range c.want {
				got := m.Unserved[i]
				if got.Subgraph != want.Subgraph || got.Fatal != want.Fatal || !strings.HasPrefix(got.Problem, want.Problem) {
					t.Errorf("got  %+v\nwant %+v", got, want)
				}
			}
		})
	}
}
