package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// With --json, standard error has one JSON object and nothing else, whatever the result is.
// The object has the reason of a failure that is no composition error.
func TestComposeWritesOneJSONObject(t *testing.T) {
	files := map[string]string{
		"good.yaml":     "subgraphs:\n  a:\n    routing_url: http://a\n    schema: {sdl: 'type Query { a: Int }'}\n",
		"bad.yaml":      "subgraphs:\n  a:\n    routing_url: http://a\n    schema: {sdl: 'type Query { a: Nope }'}\n",
		"hints.yaml":    "subgraphs:\n  a:\n    routing_url: http://a\n    schema: {sdl: '\"one\" type Query { a: Int @deprecated }'}\n  b:\n    routing_url: http://b\n    schema: {sdl: '\"two\" type Query { b: Int }'}\n",
		"stale.graphql": "type Query { b: Int }\n",
	}
	for _, c := range []struct {
		args   string
		status int
		errors int
		reason string
	}{
		{"--config good.yaml --output - --json", 0, 0, ""},
		{"--config bad.yaml --output - --json", 1, 1, ""},
		{"--config bad.yaml --output - --format json", 1, 1, ""},
		{"--config hints.yaml --output - --json --fail-on warn", 1, 0, "the composition has hints: 1 of level warn or above"},
		{"--config good.yaml --output stale.graphql --check --json", 1, 0, "the supergraph is out of date: line 1 of stale.graphql"},
		{"--config good.yaml --output none.graphql --check --json", 1, 0, "the supergraph is out of date: open none.graphql"},
		{"--config missing.yaml --json", 2, 0, "reading the configuration of the composition: open missing.yaml"},
		{"--config good.yaml --output none/graph.graphql --json", 2, 0, "the directory none does not exist"},
	} {
		t.Run(c.args, func(t *testing.T) {
			t.Parallel()
			p := soukIn(t, writeFiles(t, files), nil, append([]string{"compose"}, strings.Fields(c.args)...)...)
			if status := p.wait(t); status != c.status {
				t.Errorf("got exit status %d, want %d", status, c.status)
			}
			var report struct {
				Errors, Hints []json.RawMessage
				Reason        string
			}
			if err := json.Unmarshal([]byte(p.stderr.String()), &report); err != nil {
				t.Fatalf("standard error is not one JSON object: %v\n%s", err, &p.stderr)
			}
			if report.Errors == nil || report.Hints == nil || len(report.Errors) != c.errors {
				t.Errorf("got %s, want %d errors and a list of hints", &p.stderr, c.errors)
			}
			if !strings.Contains(report.Reason, c.reason) || (report.Reason == "") != (c.reason == "") {
				t.Errorf("got the reason %q, want %q", report.Reason, c.reason)
			}
		})
	}
}

// The supergraph never replaces what it is composed from, also not through a symbolic link, and
// it does replace what a link names.
func TestComposeWritesThroughLinks(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"supergraph.yaml": "subgraphs:\n  a:\n    routing_url: http://a\n    schema: {file: a.graphqls}\n",
		"a.graphqls":      "type Query { a: Int }\n",
		"out.graphql":     "",
	})
	for link, to := range map[string]string{"input": "a.graphqls", "output": "out.graphql"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	soukIn(t, dir, nil, "compose", "--output", "input").refuses(t, "--output is input, the same file as a.graphqls, which the supergraph is composed from; name another file")
	soukIn(t, dir, nil, "compose", "--output", "output").done(t)
	for file, want := range map[string]string{"a.graphqls": "type Query { a: Int }\n", "out.graphql": "# Made by `souk compose`"} {
		if got, err := os.ReadFile(filepath.Join(dir, file)); err != nil || !strings.HasPrefix(string(got), want) {
			t.Errorf("%s has %q, %v", file, got, err)
		}
	}
	if to, err := os.Readlink(filepath.Join(dir, "output")); err != nil || to != "out.graphql" {
		t.Errorf("the link was replaced: %q, %v", to, err)
	}
}
