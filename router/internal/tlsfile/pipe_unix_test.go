//go:build unix

package tlsfile

import (
	"strings"
	"syscall"
	"testing"
)

// Reading a pipe would wait for a writer, and so would every new connection.
func TestPipesAreNotRead(t *testing.T) {
	pipe := t.TempDir() + "/ca.pem"
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, client := range map[string]Client{"ca_file": {CA: pipe}, "cert_file": {Cert: pipe, Key: pipe}} {
		if _, err := client.Source(nil, Options{}); err == nil || !strings.Contains(err.Error(), "is not a regular file") {
			t.Errorf("%s: got error %v", name, err)
		}
	}
}
