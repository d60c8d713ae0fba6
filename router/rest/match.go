package rest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// match returns the routes of a path, by method, and the path variables of each. Routes are
// sorted so that literal segments precede variables; the first match for each method wins.
func match(routes []*route, escapedPath string) (byMethod map[string]*route, variables map[*route]map[string]string) {
	rest, rooted := strings.CutPrefix(escapedPath, "/")
	if !rooted {
		return nil, nil
	}
	parts := strings.Split(rest, "/")
	byMethod, variables = map[string]*route{}, map[*route]map[string]string{}
	for _, r := range routes {
		if byMethod[r.method] != nil {
			continue
		}
		if values, ok := r.matches(parts); ok {
			byMethod[r.method], variables[r] = r, values
		}
	}
	return byMethod, variables
}

// matches returns the values of the path variables. ok is false if the parts do not match the
// route.
func (r *route) matches(parts []string) (map[string]string, bool) {
	if len(parts) != len(r.segments) {
		return nil, false
	}
	for i, s := range r.segments {
		if !s.variable && s.text != parts[i] || s.variable && parts[i] == "" {
			return nil, false
		}
	}
	values := map[string]string{}
	for i, s := range r.segments {
		if !s.variable {
			continue
		}
		decoded, err := url.PathUnescape(parts[i])
		if err != nil {
			return nil, false
		}
		values[s.text] = decoded
	}
	return values, true
}

// allow returns the value of the Allow header for the methods of a path.
func allow(byMethod map[string]*route) string {
	methods := []string{http.MethodOptions}
	for method := range byMethod {
		methods = append(methods, method)
		if method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

// unknownPath returns the problem for a path without a route. It suggests a similar path.
func (h *Handler) unknownPath(path string) *problem {
	var paths []string
	given := strings.Split(path, "/")
	for _, r := range h.routes {
		// Replace variables by the given segments, so that they do not count as a
		// difference.
		parts := strings.Split(r.path, "/")
		for i := range parts {
			if strings.HasPrefix(parts[i], "{") && i < len(given) && given[i] != "" {
				parts[i] = given[i]
			}
		}
		paths = append(paths, strings.Join(parts, "/"))
	}
	detail := "Nothing exists at " + path
	if near, ok := nearest(path, append(paths, healthPath, openAPIPath, docsPath)); ok && !h.quiet {
		detail += "; did you mean " + near + "?"
	} else {
		detail += "; " + docsPath + " lists all paths"
	}
	return &problem{problemKind: notFound, detail: detail}
}
