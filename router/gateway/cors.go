package gateway

import (
	"net/http"
	"slices"
	"strings"

	"github.com/rs/cors"

	"souk/router/gateway/config"
)

// newCORS returns the CORS handler of an endpoint with these methods, or nil if no
// origin is configured. The handler answers preflight requests and adds CORS headers,
// including Vary: Origin, to all responses. It must wrap authentication and limits: a
// preflight request has no credentials, and a page must be able to read why its
// request was rejected.
func newCORS(c config.CORS, methods ...string) *cors.Cors {
	if len(c.AllowOrigins) == 0 {
		return nil // the library treats an empty list as *
	}
	headers := c.AllowHeaders
	if len(headers) == 0 {
		headers = []string{"*"} // the library answers with the requested headers
	}
	return cors.New(cors.Options{
		AllowedOrigins:   c.Origins(),
		AllowedMethods:   methods,
		AllowedHeaders:   headers,
		ExposedHeaders:   c.ExposeHeaders,
		AllowCredentials: c.AllowCredentials,
		MaxAge:           int(c.MaxAge.Seconds()),
	})
}

// withCORS wraps h with c, which may be nil.
func withCORS(c *cors.Cors, h http.Handler) http.Handler {
	if c == nil {
		return h
	}
	return c.Handler(h)
}

// graphQLMethods returns the methods that pages may use on the GraphQL endpoint.
func (gw *Gateway) graphQLMethods() []string { return strings.Split(gw.methods(), ", ") }

// restMethods lists the methods that pages may use on REST routes.
var restMethods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
}

// anyPage reports whether pages of every origin may read responses.
func anyPage(c config.CORS) bool { return slices.Contains(c.AllowOrigins, "*") }
