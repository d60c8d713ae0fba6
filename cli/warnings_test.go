package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Warnings are shown with problems, too.
func TestConfigValidateShowsWarningsWithProblems(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "router.yaml"), []byte("supergraph: {path: a.graphql}\nlimits: {max_depth: x}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	got := soukIn(t, dir, nil, "config", "validate", "router.yaml")
	status, out := got.wait(t), got.stdout.String()
	if status != 1 || !strings.Contains(out, "warning: router.yaml:1:14: supergraph.path is the old name") || !strings.Contains(out, "router.yaml:2:21: limits.max_depth") {
		t.Errorf("got status %d and %s", status, out)
	}
}

// A supergraph that the router would refuse when it starts is refused before.
func TestConfigValidateFindsSubgraphsThatCannotBeReached(t *testing.T) {
	for url, valid := range map[string]bool{"": false, "products:4001": false, "ftp://a": false, "unix:": false, "http://a/graphql": true, "unix:///run/a.sock?path=/graphql": true} {
		dir := writeFiles(t, map[string]string{
			"router.yaml":     "listen: 127.0.0.1:0\nadmin: {listen: ''}\n",
			"overridden.yaml": "override_subgraph_urls: {a: 'http://a'}\n",
			"graph.graphql":   strings.Replace(supergraph, "http://a.invalid/graphql", url, 1),
		})
		got := soukIn(t, dir, nil, "config", "validate", "--supergraph", "graph.graphql", "router.yaml")
		if status, out := got.wait(t), got.stdout.String(); (status == 0) != valid || !valid && strings.Count(out, "graph.graphql: ") != 1 {
			t.Errorf("%q: got status %d and %s", url, status, out)
		}
		got = soukIn(t, dir, nil, "config", "validate", "--supergraph", "graph.graphql", "overridden.yaml")
		if status := got.wait(t); status != 0 {
			t.Errorf("%q, overridden: got status %d and %s", url, status, &got.stdout)
		}
		if !valid {
			soukIn(t, dir, nil, "router", "--supergraph", "graph.graphql", "--config", "router.yaml").fails(t, "subgraph")
		}
	}
}
