package dependency

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

const (
	hidden = "xxxxx" // as in net/url
	// minSecret is the length in bytes of the shortest secret to search for.
	// A shorter one could occur in ordinary words.
	minSecret = 4
	// maxCause is the maximum length of a logged cause in bytes.
	maxCause = 1000
)

// patterns find secrets in messages of any origin. For example, net/url repeats a
// URL that it cannot parse.
var patterns = []struct {
	find    *regexp.Regexp
	replace string
}{
	// The user and password of a URL, in quotes or not.
	{regexp.MustCompile(`"([a-zA-Z][a-zA-Z0-9+.-]*://)[^"]*@`), `"${1}` + hidden + `@`},
	{regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://)[^\s"]*@`), `${1}` + hidden + `@`},
	// Parameters of a URL, and of a Postgres or similar connection string.
	{regexp.MustCompile(`(?i)\b([a-z0-9_.-]*(?:token|secret|passw(?:or)?d|api_?key|signature|credential|sig)=)[^&\s"']+`), `${1}` + hidden},
	// Values of the Authorization header, and JSON Web Tokens anywhere.
	{regexp.MustCompile(`(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}`), `${1} ` + hidden},
	{regexp.MustCompile(`\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`), hidden},
}

// secrets are known values that must not be logged.
type secrets struct {
	mu     sync.RWMutex
	values []string
}

func (s *secrets) add(values []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range values {
		if len(v) >= minSecret && !slices.Contains(s.values, v) {
			s.values = append(s.values, v)
		}
	}
	// Sort by length: a secret can be part of a longer one, which must be
	// replaced first.
	slices.SortFunc(s.values, func(a, b string) int { return len(b) - len(a) })
}

// redact returns a message without secrets, on one line of at most maxCause bytes.
func (s *secrets) redact(message string) string {
	s.mu.RLock()
	for _, v := range s.values {
		message = strings.ReplaceAll(message, v, hidden)
	}
	s.mu.RUnlock()
	for _, p := range patterns {
		message = p.find.ReplaceAllString(message, p.replace)
	}
	message = strings.Join(strings.Fields(message), " ")
	if len(message) > maxCause {
		message = strings.ToValidUTF8(message[:maxCause], "") + "…"
	}
	return message
}
