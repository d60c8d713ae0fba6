//go:build unix

package config_test

import (
	"strings"
	"syscall"
	"testing"

	"souk/router/gateway/config"
)

// Reading a pipe would wait for a writer, and so would the reload of the configuration.
func TestPipesAreNotRead(t *testing.T) {
	pipe := t.TempDir() + "/token"
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.ReadReferred(pipe); err == nil || !strings.Contains(err.Error(), "is not a regular file") {
		t.Errorf("got error %v", err)
	}
}
