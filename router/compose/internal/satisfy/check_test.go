package satisfy_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"souk/router/compose/internal/satisfy"
	"souk/router/supergraph"
)

var update = flag.Bool("update", false, "write the reports that are got into testdata")

// TestReportsMatchGoldenFiles checks the supergraph of each case. A case has the
// subgraphs, NAME.graphqls, for the reader; their supergraph; and the report. Its
// examples of what cannot be resolved cannot be planned either.
func TestReportsMatchGoldenFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			sdl := string(section(archive, "supergraph.graphql"))
			if err := compareWithPlanner(sdl); err != nil {
				t.Error(err)
			}
			m, err := supergraph.Parse(sdl)
			if err != nil {
				t.Fatal(err)
			}
			got := printed(satisfy.Check(m))
			if *update {
				write(t, file, archive, got)
				return
			}
			if want := string(section(archive, "report")); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func section(archive *txtar.Archive, name string) []byte {
	for _, f := range archive.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

func printed(errors, hints []satisfy.Problem) string {
	var b strings.Builder
	for _, p := range errors {
		fmt.Fprintf(&b, "error %s: %s\n", p.Code, p.Message)
	}
	for _, p := range hints {
		fmt.Fprintf(&b, "hint %s: %s\n", p.Code, p.Message)
	}
	if b.Len() == 0 {
		return "satisfiable\n"
	}
	return b.String()
}

func write(t *testing.T, file string, archive *txtar.Archive, report string) {
	t.Helper()
	archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == "report" })
	archive.Files = append(archive.Files, txtar.File{Name: "report", Data: []byte(report)})
	if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestStepsAreBounded checks that a check that takes too long ends with an error.
func TestStepsAreBounded(t *testing.T) {
	m, err := supergraph.Parse(large(5, 10))
	if err != nil {
		t.Fatal(err)
	}
	if errors, _ := satisfy.CheckWithin(m, 100); len(errors) != 1 || errors[0].Code != satisfy.CodeTooManyPaths {
		t.Errorf("got %v, want one error %s", errors, satisfy.CodeTooManyPaths)
	}
	if errors, _ := satisfy.Check(m); len(errors) > 0 {
		t.Errorf("got %v, want no errors", errors)
	}
}
