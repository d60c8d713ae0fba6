// Command auth is Souk with callers that are known by API keys.
//
// The file that API_KEYS_FILE names has a line for each key: the SHA-256 of the
// key in hex, a name for the caller, and the policies that the caller passes.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"

	"souk/cli"
	"souk/router"
	"souk/router/auth"
)

func main() { os.Exit(cli.Main(cli.WithName("souk-auth"), cli.WithExtensions(extend))) }

func extend(x *router.Extensions) error {
	text, err := os.ReadFile(os.Getenv("API_KEYS_FILE"))
	if err != nil {
		return fmt.Errorf("reading the API keys: %w", err)
	}
	keys, err := parseKeys(string(text))
	if err != nil {
		return fmt.Errorf("reading the API keys: %w", err)
	}
	x.Authenticator, x.Policies = keys, keys
	return nil
}

// apiKeys has the callers by the SHA-256 of their keys: who can read the file
// cannot call with what is in it.
type apiKeys map[string]*auth.Caller

func parseKeys(text string) (apiKeys, error) {
	keys := apiKeys{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || strings.HasPrefix(fields[0], "#"):
			continue
		case len(fields) < 2 || len(fields[0]) != hex.EncodedLen(sha256.Size):
			return nil, fmt.Errorf("line %q is not HASH NAME POLICY…", strings.TrimSpace(line))
		}
		keys[fields[0]] = &auth.Caller{Subject: fields[1], Policies: fields[2:]}
	}
	return keys, nil
}

// Authenticate implements router.Authenticator. A request without an API key may
// still have an access token, or be anonymous.
func (k apiKeys) Authenticate(r *http.Request) (*auth.Caller, error) {
	key := r.Header.Get("X-Api-Key")
	if key == "" {
		return nil, nil
	}
	hash := sha256.Sum256([]byte(key))
	caller := k[hex.EncodeToString(hash[:])]
	if caller == nil {
		return nil, &auth.TokenError{Message: "Unknown API key.", Scheme: "ApiKey"}
	}
	return caller, nil
}

// Evaluate implements auth.PolicyEvaluator. The policy "internal" is decided by
// the caller's name, all others by the file.
func (k apiKeys) Evaluate(_ context.Context, c *auth.Caller, policies []string) (map[string]bool, error) {
	passed := map[string]bool{}
	for _, name := range policies {
		passed[name] = c != nil && (slices.Contains(c.Policies, name) || name == "internal" && strings.HasSuffix(c.Subject, ".internal"))
	}
	return passed, nil
}
