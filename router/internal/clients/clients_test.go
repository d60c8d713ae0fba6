package clients_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

var filter = flag.String("clients.case", "", "run only the cases whose name contains this")

// A result is the line that run.mjs and cases.py print for a case.
type result struct {
	Name  string
	OK    bool
	Error string
}

// TestNode runs the cases of cases/*.mjs.
func TestNode(t *testing.T) {
	packages := install(t, []string{"package.json", "package-lock.json"}, func(ctx context.Context, dir string) *exec.Cmd {
		return exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", "--prefix", dir)
	}, "node", "npm")
	// Node.js looks for packages above the importing file's real path.
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(".")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(packages, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	runCases(t, exec.CommandContext(t.Context(), "node", filepath.Join(dir, "run.mjs"), startRouter(t), *filter))
}

// TestPython runs the cases of cases.py.
func TestPython(t *testing.T) {
	packages := install(t, []string{"requirements.txt"}, func(ctx context.Context, dir string) *exec.Cmd {
		return exec.CommandContext(ctx, "sh", "-c", `python3 -m venv "$1/venv" && "$1/venv/bin/pip" install -q --disable-pip-version-check --only-binary :all: -r "$1/requirements.txt"`, "sh", dir)
	}, "python3")
	runCases(t, exec.CommandContext(t.Context(), filepath.Join(packages, "venv/bin/python"), "cases.py", startRouter(t), *filter))
}

// install gives the directory in the user's cache that holds the packages the
// files name, and fills it if this is the first run with these files. It skips
// the test where packages cannot be installed.
func install(t *testing.T, files []string, command func(ctx context.Context, dir string) *exec.Cmd, programs ...string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped: installs packages from a registry (-short)")
	}
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("skipped: %s is not installed", program)
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skipf("skipped: there is no cache directory to install packages in: %v", err)
	}
	hash := sha256.New()
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		hash.Write(content)
	}
	dir := filepath.Join(cache, "souk", "clients-"+hex.EncodeToString(hash.Sum(nil))[:16])
	done := filepath.Join(dir, "installed")
	if _, err := os.Stat(done); err == nil {
		return dir
	}
	// What an interrupted run left is not complete.
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Skipf("skipped: packages cannot be kept: %v", err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if out, err := command(ctx, dir).CombinedOutput(); err != nil {
		t.Skipf("skipped: the packages cannot be installed: %v\n%s", err, out)
	}
	if err := os.WriteFile(done, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// runCases makes a subtest of each case that a command reports.
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
		t.Errorf("no case was run\n%s", &stderr)
	}
}
