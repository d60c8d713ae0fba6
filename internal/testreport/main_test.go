package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The report has the reasons of skipped tests, the output of failed ones, and the status of go
// test.
func TestReportSaysWhatWasSkippedAndWhatFailed(t *testing.T) {
	for _, c := range []struct {
		name, body string
		status     int
		has, lacks string
	}{
		{name: "skipped", body: `t.Skip("needs a browser")`, status: 0, has: "Skipped:\n  sample TestIt: needs a browser\n", lacks: "--- SKIP"},
		{name: "failed", body: `t.Error("got 1, want 2")`, status: 1, has: "got 1, want 2", lacks: "Skipped:"},
		{name: "passed", body: `t.Log("nothing to see")`, status: 0, has: "ok  \tsample", lacks: "nothing to see"},
		{name: "ended", body: `go func() { println("the end is near"); panic("in a goroutine") }(); select {}`, status: 1, has: "the end is near", lacks: "Skipped:"},
		{name: "not compiled", body: `undefined()`, status: 1, has: "undefined: undefined", lacks: "Skipped:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range map[string]string{
				"go.mod":    "module sample\n\ngo 1.26\n",
				"s_test.go": "package sample\n\nimport \"testing\"\n\nfunc TestIt(t *testing.T) {\n\t" + c.body + "\n}\n",
			} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var out strings.Builder
			status, err := run([]string{"-C", dir, "./..."}, &out)
			if err != nil || status != c.status {
				t.Errorf("got status %d, err %v, want %d", status, err, c.status)
			}
			if !strings.Contains(out.String(), c.has) || strings.Contains(out.String(), c.lacks) {
				t.Errorf("got %q, want %q and not %q", out.String(), c.has, c.lacks)
			}
		})
	}
}
