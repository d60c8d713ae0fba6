package canary

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// A Choice chooses a share of the requests.
type Choice struct {
	// Percent is the share of the requests, from 0 to 100.
	Percent float64
	// Key returns what requests that belong together have in common. If it is nil, each request is
	// chosen by chance.
	Key func(*http.Request) string
	// Random returns numbers from 0 to 1.
	Random func() float64
}

// Takes reports whether a request is chosen. Requests with the same key are treated alike, by all
// routers, and those that are chosen remain so when Percent grows.
func (c *Choice) Takes(r *http.Request) bool {
	switch {
	case c.Percent <= 0:
		return false
	case c.Percent >= 100:
		return true
	case c.Key != nil:
		const parts = 1_000_000
		return float64(xxhash.Sum64String("canary:"+c.Key(r))%parts)*100/parts < c.Percent
	}
	return c.Random()*100 < c.Percent
}

// BySubject returns a key function: the subject of the JSON Web Token in a header, or else what
// another function returns. The token is not verified: it chooses a variant, which verifies it.
func BySubject(header, scheme string, otherwise func(*http.Request) string) func(*http.Request) string {
	return func(r *http.Request) string {
		text := strings.TrimSpace(r.Header.Get(header))
		if prefix := scheme + " "; scheme != "" && len(text) > len(prefix) && strings.EqualFold(text[:len(prefix)], prefix) {
			text = strings.TrimSpace(text[len(prefix):])
		}
		parts := strings.Split(text, ".")
		if len(parts) != 3 {
			return otherwise(r)
		}
		payload, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err != nil {
			return otherwise(r)
		}
		var claims struct {
			Issuer  string `json:"iss"`
			Subject string `json:"sub"`
		}
		if json.Unmarshal(payload, &claims) != nil || claims.Subject == "" {
			return otherwise(r)
		}
		return "subject:" + claims.Issuer + " " + claims.Subject
	}
}
