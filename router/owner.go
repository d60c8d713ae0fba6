package router

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"souk/router/auth"
	"souk/router/gateway/config"
)

// perRequest has the headers that differ between attempts of the same request.
var perRequest = []string{"Baggage", "Idempotency-Key", "Traceparent", "Tracestate", "X-Correlation-Id", "X-Request-Id"}

// recordOwner returns a function that identifies the caller of a request, for idempotency
// records. It uses the subject of the token, which stays the same when the token is renewed,
// or the token itself if it has no subject. It also uses all other propagated headers,
// because the response may depend on them.
func recordOwner(c config.Config) func(*http.Request) string {
	sent := c.ClientHeaders(append(slices.Collect(maps.Keys(c.Headers.Subgraphs)), "")...)
	tokens := c.Authentication.JWT.Headers()
	return func(r *http.Request) string {
		var b strings.Builder
		scope := auth.From(r.Context()).Scope()
		fmt.Fprintf(&b, "%q", scope)
		if scope == "" {
			fmt.Fprintf(&b, " %q", r.Header["Authorization"])
			for _, name := range tokens {
				fmt.Fprintf(&b, " %q", r.Header[name])
			}
		}
		for _, name := range sent.In(r.Header) {
			if slices.Contains(tokens, name) || name == "Authorization" || slices.Contains(perRequest, name) {
				continue
			}
			fmt.Fprintf(&b, " %s=%q", name, r.Header[name])
		}
		return b.String()
	}
}
