// Package chromiumtest finds Chromium for tests that need a browser.
package chromiumtest

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

// Path returns the path of Chromium. It skips the test if there is none.
func Path(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("skipped: chromium is not installed (Debian package chromium)")
	}
	return path
}

// removeWait bounds how long a profile is removed.
const removeWait = 30 * time.Second

// Profile returns a directory for a browser's profile, which is removed after the
// test. Unlike [testing.T.TempDir] it copes with processes of the browser that
// outlive the one that was killed, and still write to it for a moment.
func Profile(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "chromium-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for end := time.Now().Add(removeWait); ; time.Sleep(50 * time.Millisecond) {
			err := os.RemoveAll(dir)
			if err == nil {
				return
			}
			if time.Now().After(end) {
				t.Logf("the browser's profile stays in %s: %v", dir, err)
				return
			}
		}
	})
	return dir
}
