//go:build unix

package boundedfile_test

import (
	"strings"
	"syscall"
	"testing"

	"souk/internal/boundedfile"
	"souk/jwks"
	"souk/router/gateway/config"
)

// Reading a pipe would wait for a writer, and so would the reload of the configuration or the
// verification of a token.
func TestPipesAreNotRead(t *testing.T) {
	pipe := t.TempDir() + "/pipe"
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]func() error{
		"a file":    func() error { _, err := boundedfile.ReadRegular(pipe, 1<<10); return err },
		"a secret":  func() error { _, err := config.ReadReferred(pipe); return err },
		"a JWK Set": func() error { return jwks.CheckFile(pipe) },
	} {
		if err := read(); err == nil || !strings.Contains(err.Error(), "is not a regular file") {
			t.Errorf("%s: got error %v", name, err)
		}
	}
}
