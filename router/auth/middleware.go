package auth

import (
	"errors"
	"net/http"
)

// Values of extensions.code for rejected requests and fields.
const (
	// CodeUnauthenticated means that the access token is missing or invalid.
	CodeUnauthenticated = "UNAUTHENTICATED"
	// CodeUnavailable means that the token cannot be verified at the moment.
	CodeUnavailable = "AUTHENTICATION_UNAVAILABLE"
	// CodeAuthorizationUnavailable means that policies cannot be evaluated.
	CodeAuthorizationUnavailable = "AUTHORIZATION_UNAVAILABLE"
	// CodeUnauthorized is for fields and operations that the caller may not access.
	CodeUnauthorized = "UNAUTHORIZED_FIELD_OR_TYPE"
)

// retryAfter is the value of Retry-After, in seconds, while tokens cannot be verified.
const retryAfter = "1"

// StatusClientClosed is the status of requests whose client has disconnected, in logs and
// metrics. nginx and Envoy use the same.
const StatusClientClosed = 499

// Middleware adds the caller to the context of each request. It rejects requests with
// an invalid token: 401, or 503 while tokens cannot be verified. The reject function
// writes that response. The header of w already has WWW-Authenticate or Retry-After.
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
			case err != nil && r.Context().Err() != nil: // says nothing about the keys
				w.WriteHeader(StatusClientClosed)
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

// Values of error in a challenge (RFC 6750, section 3.1).
const (
	ChallengeInvalidToken      = "invalid_token"
	ChallengeInsufficientScope = "insufficient_scope"
)

// Challenge returns the value of WWW-Authenticate for a response that denies access
// (RFC 6750, section 3). An empty scheme means Bearer. code is empty if the request had
// no credentials.
func Challenge(scheme, code string) string {
	if scheme == "" {
		scheme = "Bearer"
	}
	if code == "" {
		return scheme
	}
	return scheme + ` error="` + code + `"`
}

// Challenge returns the value of WWW-Authenticate for the configured scheme.
func (a *Authenticator) Challenge(code string) string { return Challenge(a.options.Scheme, code) }
