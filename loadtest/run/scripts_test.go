package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"souk/router/operation"
	"souk/router/supergraph"
	"souk/schema"
)

// The scripts' operations are valid ones of the store's graph. This needs no k6,
// so it holds everywhere.
func TestOperationsAreValid(t *testing.T) {
	model, err := supergraph.Parse(schema.Supergraph)
	if err != nil {
		t.Fatal(err)
	}
	graph, err := operation.NewSchema(model.APISchema)
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(top, "loadtest", "*.js"))
	if err != nil {
		t.Fatal(err)
	}
	literal := regexp.MustCompile("(?s)`((?:query|mutation) .*?)`")
	found := 0
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range literal.FindAllSubmatch(text, -1) {
			found++
			if _, err := graph.Parse(string(match[1]), ""); err != nil {
				t.Errorf("%s: %v in\n%s", filepath.Base(path), err, match[1])
			}
		}
	}
	if found < 8 {
		t.Errorf("only %d operations were found in %v", found, paths)
	}
}
