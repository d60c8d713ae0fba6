package observability_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// program finds a program by an environment variable, on PATH, or where `make verify`
// installs it. It skips the test if the program is not found.
func program(t *testing.T, variable, name, how string) string {
	t.Helper()
	if path := os.Getenv(variable); path != "" {
		return path
	}
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	if cache, err := os.UserCacheDir(); err == nil {
		if path, err := exec.LookPath(filepath.Join(cache, "souk", name)); err == nil {
			return path
		}
	}
	t.Skipf("%s not found: %s, or set %s to its path", name, how, variable)
	return ""
}

// run runs a program until the test ends.
func run(t *testing.T, path string, args ...string) {
	t.Helper()
	cmd := exec.Command(path, args...)
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // an error means that it has exited
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s wrote %s", filepath.Base(path), log.String()[max(0, log.Len()-3000):])
		}
	})
}

// get reads JSON and reports whether there was any.
func get(ctx context.Context, url string, answer any) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusOK && json.NewDecoder(res.Body).Decode(answer) == nil
}

// eventually polls a condition.
func eventually(t *testing.T, limit time.Duration, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(limit); time.Now().Before(end); <-tick.C {
		if condition() {
			return
		}
	}
	t.Errorf("timed out after %s: %s", limit, what)
}
