package config

import (
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

// An Endpoint is the path of the GraphQL endpoint, or a pattern of such paths: :NAME stands for one
// segment, a /* at the end for any further segments or none, and another * at the end for any rest.
type Endpoint struct {
	path string
	// matching matches the paths of a pattern; it is nil for a path.
	matching *regexp.Regexp
	// reserved are the paths of other endpoints. No pattern matches them, nor what is below them.
	reserved []string
}

// Endpoint returns the GraphQL endpoint of a configuration that was checked.
func (c *Config) Endpoint() Endpoint {
	e := Endpoint{path: c.Path}
	if !hasWildcard(c.Path) {
		return e
	}
	e.matching = matching(c.Path)
	e.reserved = append(slices.Clone(adminPaths), restPaths)
	for _, other := range append(c.fixedEndpoints(), endpoint{"playground.path", c.Playground.Path}) {
		if bare := strings.TrimSuffix(other.path, "/"); bare != "" {
			e.reserved = append(e.reserved, bare)
		}
	}
	return e
}

// IsPattern reports whether the endpoint has several paths.
func (e Endpoint) IsPattern() bool { return e.matching != nil }

// Matches reports whether a URL of a request has a path of the endpoint, in its canonical form.
func (e Endpoint) Matches(u *url.URL) bool { return e.matches(segments(u)) }

func (e Endpoint) matches(at string) bool {
	if e.matching == nil {
		return at == e.path
	}
	clean := path.Clean(at)
	return (at == clean || at == clean+"/") && e.matching.MatchString(at) && !slices.ContainsFunc(e.reserved, func(other string) bool {
		return at == other || strings.HasPrefix(at, other+"/")
	})
}

// segments returns the path of a URL with its segments decoded, but for slashes: a segment with an
// encoded slash is still one segment (RFC 3986, section 2.2), as it is for http.ServeMux.
func segments(u *url.URL) string {
	if u.RawPath == "" { // nothing is encoded in an unusual way
		return u.Path
	}
	all := strings.Split(u.EscapedPath(), "/")
	for i, segment := range all {
		decoded, _ := url.PathUnescape(segment) // EscapedPath is valid
		all[i] = strings.ReplaceAll(decoded, "/", "%2F")
	}
	return strings.Join(all, "/")
}

// Path returns one path of the endpoint, such as for the playground: the parameters of a pattern
// have their names.
func (e Endpoint) Path() string {
	if e.matching == nil {
		return e.path
	}
	shown := strings.TrimSuffix(strings.TrimSuffix(e.path, "*"), "/")
	return "/" + strings.TrimPrefix(strings.ReplaceAll(shown, "/:", "/"), "/")
}

// hasWildcard reports whether a path is a pattern.
func hasWildcard(path string) bool {
	return strings.Contains(path, "*") || strings.Contains(path, "/:")
}

var parameter = regexp.MustCompile(`^:[A-Za-z_][A-Za-z0-9_]*$`)

// isEndpoint reports whether s is a path or a pattern of paths.
func isEndpoint(s string) bool {
	if !hasWildcard(s) {
		return isPath(s)
	}
	before := strings.TrimSuffix(s, "*")
	if strings.Contains(before, "*") || !isBarePath(before) || before == s && strings.HasSuffix(s, "/") {
		return false
	}
	for segment := range strings.SplitSeq(before, "/") {
		if strings.HasPrefix(segment, ":") && !parameter.MatchString(segment) {
			return false
		}
	}
	// :NAME* would be a parameter and a wildcard at once.
	return before == s || !strings.HasPrefix(path.Base(before), ":") || strings.HasSuffix(before, "/")
}

// matching returns what the paths of a valid pattern match.
func matching(pattern string) *regexp.Regexp {
	before, rest := strings.CutSuffix(pattern, "*")
	before, segments := before, ""
	switch {
	case rest && strings.HasSuffix(before, "/"):
		before, segments = strings.TrimSuffix(before, "/"), "(/.*)?"
	case rest:
		segments = ".*"
	}
	var expr strings.Builder
	for _, segment := range strings.Split(before, "/")[1:] {
		expr.WriteString("/")
		if strings.HasPrefix(segment, ":") {
			expr.WriteString("[^/]+")
		} else {
			expr.WriteString(regexp.QuoteMeta(segment))
		}
	}
	return regexp.MustCompile("^" + expr.String() + segments + "$")
}
