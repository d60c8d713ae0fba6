package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"souk/examples/internal/exampletest"
	"souk/router"
)

func TestKeysDecideWhoSeesWhat(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	lines := fmt.Sprintf("# HASH NAME POLICY…\n%x payroll finance\n%x web\n", sha256.Sum256([]byte("secret-1")), sha256.Sum256([]byte("secret-2")))
	if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("API_KEYS_FILE", file)
	var x router.Extensions
	if err := extend(&x); err != nil {
		t.Fatal(err)
	}
	s := exampletest.New(t, x, nil)
	for _, c := range []struct {
		key    string
		status int
		want   string
	}{
		{key: "secret-1", status: 200, want: `{"data":{"salary":1}}`},
		{key: "secret-2", status: 200, want: "UNAUTHORIZED_FIELD_OR_TYPE"},
		{key: "", status: 200, want: "UNAUTHORIZED_FIELD_OR_TYPE"},
		{key: "guessed", status: 401, want: "Unknown API key."},
	} {
		if status, body := s.Send(t, "{ salary }", "X-Api-Key: "+c.key); status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("key %q: got status %d, %s, want %d, %s", c.key, status, body, c.status, c.want)
		}
	}
}

func TestBrokenKeysFileIsRefused(t *testing.T) {
	if _, err := parseKeys("nonsense\n"); err == nil {
		t.Error("a line without a hash is accepted")
	}
	t.Setenv("API_KEYS_FILE", filepath.Join(t.TempDir(), "none"))
	if err := extend(new(router.Extensions)); err == nil {
		t.Error("a missing file is accepted")
	}
}
