package compose_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestBundleIsBuiltFromItsSources rebuilds the bundle from the packages in
// package-lock.json and compares it with the committed one.
func TestBundleIsBuiltFromItsSources(t *testing.T) {
	if testing.Short() {
		t.Skip("installs npm packages")
	}
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is required to build the bundle", program)
		}
	}
	dir := t.TempDir()
	for _, source := range []string{"package.json", "package-lock.json", "build.mjs", "corrections.js", "entry.js", "globals.js"} {
		content, err := os.ReadFile(filepath.Join("bundle", source))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, source), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	npm := func(arguments ...string) ([]byte, error) {
		command := exec.CommandContext(ctx, "npm", arguments...)
		command.Dir = dir
		return command.CombinedOutput()
	}
	if out, err := npm("ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"); err != nil {
		t.Skipf("cannot install the packages: %v\n%s", err, out)
	}
	if out, err := npm("run", "build"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, made := range []string{"composition.js", "LICENSES"} {
		committed, err := os.ReadFile(filepath.Join("bundle", made))
		if err != nil {
			t.Fatal(err)
		}
		built, err := os.ReadFile(filepath.Join(dir, made))
		if err != nil {
			t.Fatal(err)
		}
		if string(committed) != string(built) {
			t.Errorf("bundle/%s is outdated; run go generate", made)
		}
	}
}
