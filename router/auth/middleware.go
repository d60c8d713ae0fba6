package auth

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

// The values of extensions.code for requests that are refused.
const (
	CodeUnauthenticated = "UNAUTHENTICATED"
	CodeUnavailable     = "AUTHENTICATION_UNAVAILABLE"
	// CodeUnauthorized is for fields, or operations, that a caller may not have.
	CodeUnauthorized = "UNAUTHORIZED_FIELD_OR_TYPE"
)

// Middleware puts the caller into each request's context, and answers requests
// whose token does not hold: 401, or 503 while tokens cannot be verified. The
// reject function writes that answer; nil for a GraphQL response.
func (a *Authenticator) Middleware(reject func(w http.ResponseWriter, r *http.Request, status int, code, message string)) func(http.Handler) http.Handler {
	if reject == nil {
		reject = RejectGraphQL
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			caller, err := a.Authenticate(r.Context(), r.Header)
			switch {
			case errors.Is(err, ErrInvalidToken):
				a.options.Metrics.Authentication("refused").Inc()
				code := ChallengeInvalidToken
				if r.Header.Get(a.options.Header) == "" {
					code = ""
				}
				w.Header().Set("WWW-Authenticate", a.Challenge(code))
				reject(w, r, http.StatusUnauthorized, CodeUnauthenticated, err.Error())
			case err != nil:
				a.options.Metrics.Authentication("unavailable").Inc()
				w.Header().Set("Retry-After", "1")
				reject(w, r, http.StatusServiceUnavailable, CodeUnavailable, "Tokens cannot be verified at the moment.")
			case caller == nil:
				a.options.Metrics.Authentication("anonymous").Inc()
				next.ServeHTTP(w, r)
			default:
				a.options.Metrics.Authentication("ok").Inc()
				next.ServeHTTP(w, r.WithContext(With(r.Context(), caller)))
			}
		})
	}
}

// The values of error in a challenge (RFC 6750, section 3.1).
const (
	ChallengeInvalidToken      = "invalid_token"
	ChallengeInsufficientScope = "insufficient_scope"
)

// Challenge gives the value of WWW-Authenticate for an answer that refuses
// access (RFC 6750, section 3). The scheme is Bearer if empty; code is empty
// where the request had no credentials at all.
func Challenge(scheme, code string) string {
	if scheme == "" {
		scheme = "Bearer"
	}
	if code == "" {
		return scheme
	}
	return scheme + ` error="` + code + `"`
}

// Challenge gives the value of WWW-Authenticate, in the configured scheme.
func (a *Authenticator) Challenge(code string) string { return Challenge(a.options.Scheme, code) }

// Expired says whether a caller's token has ended since it was verified: an
// operation on a connection may come long after the token did. Nobody (nil)
// does not expire.
func (a *Authenticator) Expired(c *Caller) bool {
	return c != nil && !a.options.Now().Before(c.Expires.Add(a.options.Leeway))
}

// RejectGraphQL answers with a GraphQL response that has one error and no data.
func RejectGraphQL(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	media := "application/json"
	if strings.Contains(r.Header.Get("Accept"), "application/graphql-response+json") {
		media = "application/graphql-response+json"
	}
	w.Header().Set("Content-Type", media+"; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// A client that is gone is told nothing.
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]any{
		"message": message, "extensions": map[string]string{"code": code},
	}}})
}
