package jwks_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"

	"souk/jwks"
)

// A key set in a file is read again when the file changes. While it cannot be read, the last good keys
// stay in use.
func TestFilesAreReadAgain(t *testing.T) {
	var c clock
	var l log
	path := filepath.Join(t.TempDir(), "keys.json")
	versions := 0
	write := func(document string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(document), 0o600); err != nil {
			t.Fatal(err)
		}
		versions++ // a file system may not tell apart two changes within a tick of its clock
		changed := time.Unix(int64(versions), 0)
		if err := os.Chtimes(path, changed, changed); err != nil {
			t.Fatal(err)
		}
	}
	one, two := publicKey(t, newEd25519(t), map[string]any{"kid": "1"}), publicKey(t, newEd25519(t), map[string]any{"kid": "2"})
	write(set(one))
	s := jwks.New(jwks.Options{File: path, Now: c.now, Logger: l.logger()})
	want := func(id string, wanted error) {
		t.Helper()
		if _, err := s.Keys(t.Context(), id, jwa.EdDSA()); !errors.Is(err, wanted) {
			t.Errorf("key %s: got %v, want %v", id, err, wanted)
		}
	}
	want("1", nil)
	want("2", jwks.ErrUnknownKey)
	write(set(one, two))
	want("2", nil) // a missing key makes the set look at once
	write(`{"keys":`)
	c.advance(time.Second)
	want("1", nil)
	want("3", jwks.ErrUnavailable)
	want("2", nil)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	c.advance(time.Second)
	want("2", nil)
	want("3", jwks.ErrUnavailable) // waits until it has been looked for
	write(set(two))
	c.advance(time.Second)
	want("1", jwks.ErrUnknownKey) // it is read before the next token is verified
	want("2", nil)
	want("3", jwks.ErrUnknownKey)
	if lines := l.String(); !strings.Contains(lines, path) || !strings.Contains(lines, "succeeded again") {
		t.Errorf("logged %s", lines)
	}
}

func TestFilesAreChecked(t *testing.T) {
	directory := t.TempDir()
	for document, want := range map[string]string{
		"":                         "no such file",
		"{}":                       `it has no member "keys"`,
		`{"keys":[{"kty":"oct"}]}`: "none of the 1 keys is usable",
		strings.Repeat(" ", 1<<20) + `{"keys":[]}`: "is larger than 1 MB",
	} {
		path := filepath.Join(directory, "keys.json")
		if document != "" {
			if err := os.WriteFile(path, []byte(document), 0o600); err != nil {
				t.Fatal(err)
			}
			defer os.Remove(path)
		} else {
			path += ".missing"
		}
		if err := jwks.CheckFile(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	good := filepath.Join(directory, "good.json")
	if err := os.WriteFile(good, []byte(set(publicKey(t, newEd25519(t), nil))), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := jwks.CheckFile(good); err != nil {
		t.Error(err)
	}
}
