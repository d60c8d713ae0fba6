package identity

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwt"

	"souk/jwks"
)

// ServiceTokenHeader carries what services show each other.
const ServiceTokenHeader = "Souk-Service-Token"

// Issuer is the iss claim of the user service's tokens, and their audience.
const (
	Issuer     = "souk"
	RolesClaim = "roles"
	// SessionClaim names the session that a token belongs to.
	SessionClaim = "sid"
)

// clockSkew is how far the clocks of two machines may be apart.
const clockSkew = 30 * time.Second

// JWKSPath is where the user service publishes its keys.
const JWKSPath = "/.well-known/jwks.json"

// CodeUnavailable is the extensions.code of a request whose token cannot be
// verified now.
const CodeUnavailable = "AUTHENTICATION_UNAVAILABLE"

// Authenticator finds out who calls.
type Authenticator struct {
	Keys         jwks.Source
	ServiceToken string // empty: no service is believed
	Tutorial     bool
	Now          func() time.Time
	Logger       *slog.Logger
}

// unavailable is the answer to a request whose token cannot be verified now: a
// GraphQL response, so that the router hands its code on.
const unavailable = `{"errors":[{"message":"Access tokens cannot be verified at the moment. Try again in 1 s.","extensions":{"code":"` + CodeUnavailable + `"}}]}`

// Middleware puts the Caller of each request into its context. A request whose
// token cannot be verified now is answered with 503: its caller may be anybody,
// so nothing that depends on who it is may be decided.
func (a *Authenticator) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, err := a.Caller(r.Context(), r.Header)
		if err != nil {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, unavailable) // the client may be gone
			return
		}
		next.ServeHTTP(w, r.WithContext(With(r.Context(), caller)))
	})
}

// Caller finds out who sent a request with these headers. A caller whose token
// is not valid is anonymous: what they may do is decided where they do it. The
// error is for a token of which nobody can say now whether it is valid; it wraps
// [jwks.ErrUnavailable], or is that of the context.
func (a *Authenticator) Caller(ctx context.Context, h http.Header) (Caller, error) {
	if token := h.Get(ServiceTokenHeader); token != "" {
		if a.ServiceToken != "" && equal(token, a.ServiceToken) {
			return System(), nil
		}
		a.Logger.WarnContext(ctx, "a wrong service token was shown")
		return Caller{Anonymous: true}, nil
	}
	authorization := h.Get("Authorization")
	if authorization == "" {
		return Caller{Anonymous: true, Tutorial: a.Tutorial}, nil
	}
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return Caller{Anonymous: true}, nil
	}
	caller, err := a.verify(ctx, strings.TrimSpace(token))
	switch {
	case err == nil:
		return caller, nil
	case errors.Is(err, jwks.ErrUnavailable) || ctx.Err() != nil:
		a.Logger.WarnContext(ctx, "a bearer token cannot be verified", "error", err)
		return Caller{}, err
	}
	a.Logger.InfoContext(ctx, "a bearer token is not valid", "error", err)
	return Caller{Anonymous: true}, nil
}

func (a *Authenticator) verify(ctx context.Context, token string) (Caller, error) {
	parsed, err := jwks.Verify(ctx, token, a.Keys, jwks.DefaultAlgorithms(),
		jwt.WithIssuer(Issuer),
		jwt.WithAudience(Issuer),
		jwt.WithRequiredClaim(jwt.ExpirationKey),
		jwt.WithAcceptableSkew(clockSkew),
		jwt.WithClock(jwt.ClockFunc(a.now)))
	if err != nil {
		return Caller{}, err
	}
	subject, ok := parsed.Subject()
	if !ok || subject == "" {
		return Caller{}, errors.New("the token has no sub claim")
	}
	caller := Caller{UserID: subject}
	var roles []any
	if err := parsed.Get(RolesClaim, &roles); err == nil {
		for _, role := range roles {
			if name, ok := role.(string); ok {
				caller.Roles = append(caller.Roles, name)
			}
		}
	}
	// A token of another issuer has no session to follow.
	_ = parsed.Get(SessionClaim, &caller.Session)
	caller.Expires, _ = parsed.Expiration()
	return caller, nil
}

func (a *Authenticator) now() time.Time {
	if a.Now != nil {
		return a.Now()
	}
	return time.Now()
}

// equal compares in a time that tells nothing, of the lengths neither.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
