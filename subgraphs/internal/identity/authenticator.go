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

// ServiceTokenHeader is the header with the token that the services share.
const ServiceTokenHeader = "Souk-Service-Token"

// Issuer is the iss claim of the user service's tokens, and their audience.
const (
	Issuer     = "souk"
	RolesClaim = "roles"
	// SessionClaim holds the ID of the session that a token belongs to.
	SessionClaim = "sid"
)

// clockSkew is the tolerated difference between the clocks of two machines.
const clockSkew = 30 * time.Second

// JWKSPath is the path at which the user service publishes its keys.
const JWKSPath = "/.well-known/jwks.json"

// codeUnavailable is the extensions.code of a request whose token cannot be
// verified at the moment.
const codeUnavailable = "AUTHENTICATION_UNAVAILABLE"

// Authenticator identifies callers.
type Authenticator struct {
	Keys jwks.Source
	// KeepKeys saves the keys again if their copy in Redis is lost, until its
	// context ends. It is a worker of the service.
	KeepKeys func(context.Context) error
	// Current returns a user with the rights that they have now, for an
	// operation that may change something or not. Package graphql calls it
	// before each operation; nil: the rights are those of the token. The error
	// means that the rights are unknown.
	Current      func(ctx context.Context, c Caller, change bool) (Caller, error)
	ServiceToken string // empty: no service token is accepted
	Tutorial     bool
	Now          func() time.Time
	Logger       *slog.Logger
}

// unavailable is the response to a request whose token cannot be verified at
// the moment. It is a GraphQL response, so that the router passes its code on.
const unavailable = `{"errors":[{"message":"Access tokens cannot be verified at the moment. Try again in 1 s.","extensions":{"code":"` + codeUnavailable + `"}}]}`

// Middleware puts the Caller of each request into its context. It answers 503
// if the token cannot be verified at the moment: the caller could be anyone,
// so no decision about them is safe.
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
		caller.Client = client(r)
		next.ServeHTTP(w, r.WithContext(With(r.Context(), caller)))
	})
}

// Caller identifies the sender of a request with these headers. A caller with
// an invalid token is anonymous; the resolvers decide what anonymous callers
// may do. The error means that the token's validity is unknown. It wraps
// [jwks.ErrUnavailable], or is the error of the context.
func (a *Authenticator) Caller(ctx context.Context, h http.Header) (Caller, error) {
	if token := h.Get(ServiceTokenHeader); token != "" {
		if a.ServiceToken != "" && constantTimeEqual(token, a.ServiceToken) {
			return System(), nil
		}
		a.Logger.WarnContext(ctx, "rejected a wrong service token")
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
		a.Logger.WarnContext(ctx, "could not verify a bearer token", "error", err)
		return Caller{}, err
	}
	a.Logger.InfoContext(ctx, "rejected an invalid bearer token", "error", err)
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
	// Tokens without a session are valid, too; there is no session to watch.
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

// constantTimeEqual compares strings in a time that reveals neither content
// nor length.
func constantTimeEqual(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
