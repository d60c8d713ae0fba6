package gateway

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/rs/cors"

	"souk/router/gateway/config"
)

// A crossOrigin handler answers preflight requests to one endpoint and adds CORS headers,
// including Vary: Origin, to all responses. It must wrap authentication and limits: a
// preflight request has no credentials, and a page must be able to read why its request was
// rejected.
type crossOrigin struct{ rules []originRule }

// An originRule has the settings for some origins.
type originRule struct {
	*cors.Cors
	any         bool // the origins are all
	credentials bool
}

// newCORS returns the handler of an endpoint with these methods, or nil if no origin is
// configured.
func newCORS(c config.Config, methods ...string) *crossOrigin {
	var h crossOrigin
	for _, rule := range c.CORS.Rules() {
		if name := c.Telemetry.TraceIDHeader.Name; name != "" {
			rule.ExposeHeaders = append(slices.Clone(rule.ExposeHeaders), name)
		}
		h.rules = append(h.rules, newOriginRule(rule, methods))
	}
	if len(h.rules) == 0 {
		return nil
	}
	return &h
}

func newOriginRule(c config.CORS, methods []string) originRule {
	if len(c.AllowMethods) > 0 {
		methods = c.AllowMethods
	}
	headers := c.AllowHeaders
	if len(headers) == 0 {
		headers = []string{"*"} // the library answers with the requested headers
	}
	options := cors.Options{
		AllowedOrigins:   c.Origins(),
		AllowedMethods:   methods,
		AllowedHeaders:   headers,
		ExposedHeaders:   c.ExposeHeaders,
		AllowCredentials: c.AllowCredentials,
		MaxAge:           int(c.MaxAge.Seconds()),
	}
	rule := originRule{any: slices.Contains(c.AllowOrigins, "*"), credentials: c.AllowCredentials}
	if patterns := c.Patterns(); len(patterns) > 0 && !rule.any {
		var listed *cors.Cors
		if len(c.AllowOrigins) > 0 {
			listed = cors.New(options)
		}
		options.AllowOriginVaryRequestFunc = func(r *http.Request, origin string) (bool, []string) {
			if listed != nil && listed.OriginAllowed(r) {
				return true, nil
			}
			// null is the origin of pages that hide theirs.
			return origin != "null" && slices.ContainsFunc(patterns, func(p *regexp.Regexp) bool { return p.MatchString(origin) }), nil
		}
	}
	rule.Cors = cors.New(options)
	return rule
}

// of returns the rule for the origin of a request, or nil if no rule has it.
func (h *crossOrigin) of(r *http.Request) *originRule {
	if h == nil {
		return nil
	}
	for i := range h.rules {
		if h.rules[i].OriginAllowed(r) {
			return &h.rules[i]
		}
	}
	return nil
}

// wrap wraps next. h may be nil.
func (h *crossOrigin) wrap(next http.Handler) http.Handler {
	if h == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rule := h.of(r)
		if rule == nil { // any rule adds what a request without Origin, or of another one, needs
			rule = &h.rules[len(h.rules)-1]
		}
		rule.ServeHTTP(w, r, next.ServeHTTP)
	})
}

// graphQLMethods returns the methods that pages may use on the GraphQL endpoint.
func (gw *Gateway) graphQLMethods() []string { return strings.Split(gw.methods(), ", ") }

// restMethods lists the methods that pages may use on REST routes.
var restMethods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
}
