package identity

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"
)

// ServiceTokenHeader carries what services show each other.
const ServiceTokenHeader = "Souk-Service-Token"

// Issuer is the iss claim of the user service's tokens, and their audience.
const (
	Issuer     = "souk"
	RolesClaim = "roles"
)

// clockSkew is how far the clocks of two machines may be apart.
const clockSkew = 30 * time.Second

// KeySource gives the public keys that tokens may be signed with.
type KeySource interface {
	// Key gives the key of an id (the token's kid header).
	Key(ctx context.Context, id string) (jwk.Key, error)
}

// Authenticator finds out who calls.
type Authenticator struct {
	Keys         KeySource
	ServiceToken string // empty: no service is believed
	Tutorial     bool
	Now          func() time.Time
	Logger       *slog.Logger
}

// Middleware puts the Caller of each request into its context.
func (a *Authenticator) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller := a.Caller(r.Context(), r.Header)
		next.ServeHTTP(w, r.WithContext(With(r.Context(), caller)))
	})
}

// Caller finds out who sent a request with these headers. Somebody whose token
// does not hold is nobody: what they may do is decided where they do it.
func (a *Authenticator) Caller(ctx context.Context, h http.Header) Caller {
	if token := h.Get(ServiceTokenHeader); token != "" {
		if a.ServiceToken != "" && equal(token, a.ServiceToken) {
			return System()
		}
		a.Logger.WarnContext(ctx, "a wrong service token was shown")
		return Caller{Anonymous: true}
	}
	authorization := h.Get("Authorization")
	if authorization == "" {
		return Caller{Anonymous: true, Tutorial: a.Tutorial}
	}
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return Caller{Anonymous: true}
	}
	caller, err := a.verify(ctx, strings.TrimSpace(token))
	if err != nil {
		a.Logger.InfoContext(ctx, "a bearer token does not hold", "error", err)
		return Caller{Anonymous: true}
	}
	return caller
}

func (a *Authenticator) verify(ctx context.Context, token string) (Caller, error) {
	parsed, err := jwt.Parse([]byte(token),
		jwt.WithContext(ctx),
		jwt.WithKeyProvider(jws.KeyProviderFunc(a.provide)),
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
	return caller, nil
}

// provide gives the key a token names. The algorithm is the key's, never the
// token's, so that a token cannot choose how it is checked.
func (a *Authenticator) provide(ctx context.Context, sink jws.KeySink, sig *jws.Signature, _ *jws.Message) error {
	id, ok := sig.ProtectedHeaders().KeyID()
	if !ok {
		return errors.New("the token names no key (kid)")
	}
	key, err := a.Keys.Key(ctx, id)
	if err != nil {
		return err
	}
	stated, _ := key.Algorithm()
	algorithm, ok := stated.(jwa.SignatureAlgorithm)
	if !ok || algorithm.IsSymmetric() || algorithm == jwa.NoSignature() {
		return fmt.Errorf("the key %q is not for public signatures", id)
	}
	sink.Key(algorithm, key)
	return nil
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
