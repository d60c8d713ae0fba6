package clients_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"souk/internal/packagetest"
)

var filter = flag.String("clients.case", "", "run only the cases whose name contains this")

// A result is the line that run.mjs and cases.py print for a case.
type result struct {
	Name  string
	OK    bool
	Error string
}

// TestNodeClientsWorkUnchanged runs the cases in cases/*.mjs.
func TestNodeClientsWorkUnchanged(t *testing.T) {
	packages := packagetest.NPM(t)
	// Node.js resolves packages relative to the real path of the importing file.
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(".")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(packages, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	runCases(t, exec.CommandContext(t.Context(), "node", filepath.Join(dir, "run.mjs"), startRouter(t), *filter))
}

// TestPythonClientsWorkUnchanged runs the cases in cases.py.
func TestPythonClientsWorkUnchanged(t *testing.T) {
	packages := packagetest.Python(t)
	runCases(t, exec.CommandContext(t.Context(), filepath.Join(packages, "venv/bin/python"), "cases.py", startRouter(t), *filter))
}

// runCases runs a subtest for each case that the command reports.
func runCases(t *testing.T, command *exec.Cmd) {
	t.Helper()
	var stderr bytes.Buffer
	command.Stderr = &stderr
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	cases := 0
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r result
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil || r.Name == "" {
			t.Logf("%s", lines.Bytes())
			continue
		}
		cases++
		t.Run(r.Name, func(t *testing.T) {
			if !r.OK {
				t.Error(r.Error)
			}
		})
	}
	if err := lines.Err(); err != nil {
		t.Error(err)
	}
	if err := command.Wait(); err != nil {
		t.Errorf("%v\n%s", err, &stderr)
	}
	if cases == 0 {
		t.Errorf("the command reported no cases\n%s", &stderr)
	}
}
