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
