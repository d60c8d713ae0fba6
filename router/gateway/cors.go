package gateway

import (
	"net/http"
	"slices"
	"strings"

	"github.com/rs/cors"

	"souk/router/gateway/config"
)

// newCORS makes what answers preflight requests for an endpoint with these
// methods and adds the CORS headers to all its answers, Vary: Origin among
// them; nil if no origin is configured. It stands outside of authentication
// and limits: a preflight request has no credentials, and a page must be able
// to read why a request was refused.
func newCORS(c config.CORS, methods ...string) *cors.Cors {
	if len(c.AllowOrigins) == 0 {
		return nil // the library would take no origin for any origin
	}
	headers := c.AllowHeaders
	if len(headers) == 0 {
		headers = []string{"*"} // answered with those the page asks for
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

// withCORS puts CORS around a handler, nil for none.
func withCORS(c *cors.Cors, h http.Handler) http.Handler {
	if c == nil {
		return h
	}
	return c.Handler(h)
}

// graphQLMethods are the methods pages may use on the GraphQL endpoint.
func (gw *Gateway) graphQLMethods() []string { return strings.Split(gw.methods(), ", ") }

// restMethods are those of the REST routes.
var restMethods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
}

// anyPage reports whether pages of every origin may read answers.
func anyPage(c config.CORS) bool { return slices.Contains(c.AllowOrigins, "*") }
