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

// The operations in the scripts are valid for the store's schema. The test needs no k6,
// so it runs everywhere.
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
		t.Errorf("found only %d operations in %v", found, paths)
	}
}
