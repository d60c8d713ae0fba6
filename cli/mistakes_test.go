package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The error for a file that is not a supergraph names the file, says what it seems to
// be, and how to get a supergraph.
func TestRouterRejectsFilesThatAreNotSupergraphs(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ text, want string }{
		"subgraph.graphql":      {text: "extend schema @link(url: \"https://specs.apollo.dev/federation/v2.3\", import: [\"@key\"])\ntype Query { a: A }\ntype A @key(fields: \"id\") { id: ID! }\n", want: "it looks like the schema of a single subgraph; create a supergraph"},
		"federation1.graphql":   {text: "extend type Query { a: A }\ntype A @key(fields: \"id\") { id: ID! @external }\n", want: "it looks like the schema of a single subgraph; create a supergraph"},
		"plain.graphql":         {text: "type Query { a: Int }\n", want: "it looks like a schema without the directives of a supergraph"},
		"introspection.json":    {text: `{"data": {"__schema": {"types": []}}}`, want: "it looks like the result of an introspection query"},
		"other.json":            {text: `[1]`, want: "it looks like JSON"},
		"empty.graphql":         {text: " \n", want: "it is empty; create a supergraph"},
		"bom.graphql":           {text: "\ufeff", want: "it is empty; create a supergraph"},
		"supergraph.yaml":       {text: "federation_version: =2.3.1\nsubgraphs:\n  a:\n    schema: {file: a.graphql}\n", want: "it looks like the configuration of a composition; run `souk compose --config FILE"},
		"broken.graphql":        {text: supergraph + "\ntype {", want: "line "},
		"no-such-graph.graphql": {text: strings.Replace(supergraph, "graph: A)", "graph: B)", 1), want: "names the subgraph B"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(dir, name)
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			souk(t, nil, "router", "--supergraph", file, "--listen", "127.0.0.1:0").fails(t, file+": reading the supergraph: ")
			p := souk(t, nil, "router", "--supergraph", file, "--listen", "127.0.0.1:0")
			p.fails(t, c.want)
		})
	}
	souk(t, nil, "router", "--supergraph", dir).fails(t, dir+" is a directory; name the file that `souk compose` wrote")
	souk(t, nil, "router", "--supergraph", filepath.Join(dir, "none")).fails(t, "none: no such file or directory; create it")
	p := souk(t, nil, "plan", "--supergraph", filepath.Join(dir, "subgraph.graphql"), "-")
	p.refuses(t, "subgraph.graphql: reading the supergraph: it looks like the schema of a single subgraph")
}

func TestRouterReportsEveryConfigurationProblem(t *testing.T) {
	file := routerFiles(t, "127.0.0.1:0", "", "supergraph: {file: GRAPH}\n"+
		"traffic_shaping:\n  subgraphs:\n    aa: {timeout: 1s}\n"+
		"headers: {subgraphs: {b: {}}}\n"+
		"include_subgraph_errors:\n  subgraphs: {c: true}\n"+
		"override_subgraph_urls: {d: 'http://d'}\n"+
		"subscriptions: {subgraphs: {e: {protocol: sse}}}\n"+
		"response_cache:\n  subgraph:\n    subgraphs:\n      f: {types: [X]}\n      a: {types: [Query1], root: [helo]}\n  invalidation:\n    events: {changed: [Prodct, Query.hullo]}\n")
	p := souk(t, nil, "router", "--config", file)
	if status := p.wait(t); status != 1 {
		t.Errorf("got exit status %d, want 1", status)
	}
	want := []string{
		file + `:6:5: traffic_shaping.subgraphs names "aa", but the supergraph has no such subgraph; did you mean "a"?`,
		file + `:7:23: headers.subgraphs names "b", but the supergraph has no such subgraph; did you mean "a"?`,
		file + `:9:15: include_subgraph_errors.subgraphs names "c", but the supergraph has no such subgraph; did you mean "a"?`,
		file + `:10:26: override_subgraph_urls names "d", but the supergraph has no such subgraph; did you mean "a"?`,
		file + `:11:29: subscriptions.subgraphs names "e", but the supergraph has no such subgraph; did you mean "a"?`,
		file + `:15:7: response_cache.subgraph.subgraphs names "f", but the supergraph has no such subgraph; did you mean "a"?`,
		file + `:16:19: response_cache.subgraph.subgraphs.a.types names "Query1", but the subgraph a has no such entity type`,
		file + `:16:35: response_cache.subgraph.subgraphs.a.root names "helo", but the subgraph a has no such field of Query; did you mean "hello"?`,
		file + `:18:24: response_cache.invalidation.events.changed names "Prodct", but the supergraph has no such object type; it has Query`,
		file + `:18:32: response_cache.invalidation.events.changed names "hullo", but Query has no such field; did you mean "hello"?`,
	}
	if got := strings.Join(p.says(), "\n"); got != "souk: "+strings.Join(want, "\nsouk: ") {
		t.Errorf("got messages\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}
