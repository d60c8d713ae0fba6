package jwks

import (
	"fmt"
	"os"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"

	"souk/internal/boundedfile"
	"souk/internal/fileversion"
)

// lookInterval is the minimum time between two looks whether a file has changed, unless a token
// needs a missing key.
const lookInterval = time.Second

// changed reports whether the file may have changed since it was last read. The caller holds mu.
func (s *Set) changed(now time.Time, found bool) bool {
	if s.o.File == "" || found && now.Sub(s.looked) < lookInterval {
		return false
	}
	s.looked = now
	is, err := os.Stat(s.o.File)
	if err != nil {
		is = nil
	}
	before := s.version
	s.version = is
	return !fileversion.Same(is, before)
}

// CheckFile reads a JWK Set, and returns an error if no key in it can be used.
func CheckFile(path string) error {
	_, _, err := readFile(path)
	return err
}

// readFile reads a JWK Set of at most maxBytes bytes.
func readFile(path string) (jwk.Set, []string, error) {
	body, err := boundedfile.ReadRegular(path, maxBytes)
	if err != nil {
		return nil, nil, err // err contains the path
	}
	keys, skipped, err := read(body)
	if err != nil {
		return nil, skipped, fmt.Errorf("reading %s: %w", path, err)
	}
	return keys, skipped, nil
}
