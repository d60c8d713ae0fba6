package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

func TestConfigMapsAreCurrent(t *testing.T) {
	if err := run(root, true); err != nil {
		t.Error(err)
	}
}

// The check fails after a source changes, and passes after generating.
func TestCheckDetectsChanges(t *testing.T) {
	dir := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("schema/a.graphql", "type Query { a: ID }\n")
	const hand = "kind: Job\n"
	write("out.yaml", hand)
	f := file{path: "out.yaml", maps: []configMap{{name: "a", namespace: "n", app: "a", patterns: []string{"schema/*.graphql"}}}}
	if err := f.bring(dir, true); err == nil {
		t.Error("a file without ConfigMaps counts as current")
	}
	if err := f.bring(dir, false); err != nil {
		t.Fatal(err)
	}
	if err := f.bring(dir, true); err != nil {
		t.Error(err)
	}
	write("schema/a.graphql", "type Query { b: ID }\n")
	if err := f.bring(dir, true); err == nil || !strings.Contains(err.Error(), "go generate") {
		t.Errorf("changed source: got error %v", err)
	}
	if err := f.bring(dir, false); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "out.yaml"))
	if err != nil || !strings.HasPrefix(string(text), hand+generated) || strings.Count(string(text), "kind: ConfigMap") != 1 || !strings.Contains(string(text), "b: ID") {
		t.Errorf("generated twice, the file is %s, %v", text, err)
	}
	f.maps[0].patterns = []string{"nothing/*"}
	if err := f.bring(dir, false); err == nil {
		t.Error("a pattern without files is accepted")
	}
}
