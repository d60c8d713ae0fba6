package auth

import (
	"errors"
	"net/http"
)

// The values of extensions.code for requests that are refused.
const (
	CodeUnauthenticated = "UNAUTHENTICATED"
	CodeUnavailable     = "AUTHENTICATION_UNAVAILABLE"
	// CodeAuthorizationUnavailable: policies cannot be evaluated.
	CodeAuthorizationUnavailable = "AUTHORIZATION_UNAVAILABLE"
	// CodeUnauthorized is for fields, or operations, that a caller may not have.
	CodeUnauthorized = "UNAUTHORIZED_FIELD_OR_TYPE"
)

// retryAfter is how many seconds a client is told to wait while tokens cannot
// be verified.
const retryAfter = "1"

// Middleware puts the caller into each request's context, and answers requests
// whose token is refused: 401, or 503 while tokens cannot be verified. The
// reject function writes that answer; the header of w has the challenge or
// Retry-After by then.
func (a *Authenticator) Middleware(reject func(w http.ResponseWriter, r *http.Request, status int, code, message string)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			caller, err := a.Authenticate(r.Context(), r.Header)
			var refused *TokenError
			switch {
			case errors.As(err, &refused):
				a.options.Metrics.Authentication("refused").Inc()
				w.Header().Set("WWW-Authenticate", a.Challenge(refused.Challenge))
				reject(w, r, http.StatusUnauthorized, CodeUnauthenticated, refused.Message)
			case err != nil:
				a.options.Metrics.Authentication("unavailable").Inc()
				w.Header().Set("Retry-After", retryAfter)
				reject(w, r, http.StatusServiceUnavailable, CodeUnavailable, "Access tokens cannot be verified at the moment. Try again in "+retryAfter+" s.")
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
