package compose_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"souk/router/compose"
)

// configured writes a configuration with one subgraph in two files and another in one,
// and returns its path.
func configured(t *testing.T, a1, a2, b string) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{
		"a1.graphqls": a1, "a2.graphqls": a2, "b.graphqls": b,
		"supergraph.yaml": "subgraphs:\n  a:\n    routing_url: http://a\n    schema: {files: [a1.graphqls, a2.graphqls]}\n  b:\n    routing_url: http://b\n    schema: {file: b.graphqls}\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "supergraph.yaml")
}

// report runs the command and returns what it writes, without the directory.
func report(t *testing.T, command compose.Command) (string, error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run(t.Context())
	return strings.ReplaceAll(stderr.String(), filepath.Dir(command.Config)+string(filepath.Separator), ""), err
}

const (
	conflictA1 = "type Query {\n  a: Int\n}"
	conflictA2 = "# second file\nextend type Query {\n  n: Int\n}\n"
	conflictB  = "type Query {\n  n: String\n}\n"
)

func TestErrorsNameAllPlacesInEachFormat(t *testing.T) {
	want := map[compose.Format]string{
		compose.FormatText: `a2.graphqls:3:3: FIELD_TYPE_MISMATCH: The types of field "Query.n" are incompatible. It has type "Int" in subgraph "a", but type "String" in subgraph "b".
    also at b.graphqls:2:3
    Give the field the same type, or types of which one includes the others, in all subgraphs.
`,
		compose.FormatJSON: `{"errors":[{"code":"FIELD_TYPE_MISMATCH","message":"The types of field \"Query.n\" are incompatible. It has type \"Int\" in subgraph \"a\", but type \"String\" in subgraph \"b\".","suggestion":"Give the field the same type, or types of which one includes the others, in all subgraphs.","locations":[{"subgraph":"a","file":"a2.graphqls","line":3,"column":3},{"subgraph":"b","file":"b.graphqls","line":2,"column":3}]}],"hints":[]}
`,
		compose.FormatGitHub: `::error file=a2.graphqls,line=3,col=3,title=FIELD_TYPE_MISMATCH::The types of field "Query.n" are incompatible. It has type "Int" in subgraph "a", but type "String" in subgraph "b".%0AGive the field the same type, or types of which one includes the others, in all subgraphs.%0Aalso at b.graphqls:2:3
`,
	}
	for format, want := range want {
		t.Run(string(format), func(t *testing.T) {
			config := configured(t, conflictA1, conflictA2, conflictB)
			got, err := report(t, compose.Command{Config: config, Format: format})
			if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			var problems compose.Errors
			if !errors.As(err, &problems) || len(problems) != 1 {
				t.Errorf("got error %v, want one that wraps Errors", err)
			}
			if format == compose.FormatJSON && !json.Valid([]byte(got)) {
				t.Error("the report is not JSON")
			}
		})
	}
}

func TestHintsAreReportedAndCanFail(t *testing.T) {
	config := configured(t, "type Query {\n  \"one\"\n  n: Int\n}", "", "type Query {\n  \"two\"\n  n: Int\n}")
	quiet, err := report(t, compose.Command{Config: config})
	if err != nil || quiet != "" {
		t.Errorf("without --hints: got %q and error %v", quiet, err)
	}
	const hint = `warn: a1.graphqls:3:3: INCONSISTENT_DESCRIPTION: The descriptions of "Query.n" differ between subgraphs. The supergraph has that of subgraph "a": "one".`
	for _, c := range []struct {
		failOn compose.Level
		fails  bool
	}{{failOn: 0, fails: false}, {failOn: compose.LevelWarn, fails: true}, {failOn: compose.LevelDebug, fails: true}} {
		got, err := report(t, compose.Command{Config: config, Hints: true, FailOn: c.failOn})
		if !strings.HasPrefix(got, hint) {
			t.Errorf("got %q, want the prefix %q", got, hint)
		}
		if errors.Is(err, compose.ErrHints) != c.fails {
			t.Errorf("with fail-on %q: got error %v, want a failure: %v", c.failOn, err, c.fails)
		}
	}
}
