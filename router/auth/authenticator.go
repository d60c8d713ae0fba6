package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"souk/jwks"
	"souk/router/telemetry"
)

// Options configure an Authenticator.
type Options struct {
	// Sources are whose tokens hold; at least one.
	Sources []Source
	// Header is the header that holds the token, Scheme the word before it:
	// Authorization and Bearer if empty.
	Header, Scheme string
	// Leeway is how far clocks may be apart.
	Leeway time.Duration
	// Required refuses requests without a token. Otherwise they are nobody's.
	Required bool
	// Algorithms are the signatures that are accepted, by their names in RFC
	// 7518, section 3.1: RS256, ES256, EdDSA and Ed25519 if empty.
	Algorithms []string
	// Client fetches keys: http.DefaultClient if nil.
	Client  *http.Client
	Metrics *telemetry.Metrics
	// Logger is told of keys that cannot be had or used; nil for nobody.
	Logger *slog.Logger
	// Report, unless nil, is told the outcome of every fetch of a source's keys.
	Report func(ctx context.Context, url string, err error)
	// Now is the time: time.Now if nil.
	Now func() time.Time
}

// A Source is an issuer of tokens and its keys.
type Source struct {
	// URL is where its JWKS is.
	URL string
	// Refresh is how old the keys may get: ten minutes if zero.
	Refresh time.Duration
	// Issuer, unless empty, is what tokens must have as iss.
	Issuer string
	// Audiences, unless empty, are of which tokens must name one in aud.
	Audiences []string
}

// An Authenticator verifies tokens. It is safe for concurrent use.
type Authenticator struct {
	options    Options
	algorithms []jwa.SignatureAlgorithm
	sources    []source

	mu       sync.RWMutex
	verified map[[sha256.Size]byte]verified
	// verifiedBytes is about what they take.
	verifiedBytes int
}

type source struct {
	Source
	keys *jwks.Set
}

// verified is a token that held.
type verified struct {
	caller *Caller
	until  time.Time
}

const (
	// verifiedFor is how long a token that held is not verified again: how
	// long a withdrawn key may still be believed. It also ends with the token.
	verifiedFor = time.Minute
	// maxVerifiedBytes bounds the tokens that need not be verified again. A
	// token is kept with its claims, which take about three times its length.
	maxVerifiedBytes = 8 << 20
)

// New makes an Authenticator. Keys are fetched when a token first needs them.
func New(o Options) (*Authenticator, error) {
	if len(o.Sources) == 0 {
		return nil, errors.New("authentication: no JWKS is configured")
	}
	if o.Header == "" {
		o.Header = "Authorization"
	}
	if o.Scheme == "" && http.CanonicalHeaderKey(o.Header) == "Authorization" {
		o.Scheme = "Bearer"
	}
	if o.Metrics == nil {
		o.Metrics = telemetry.New(nil)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &Authenticator{options: o, verified: map[[sha256.Size]byte]verified{}}
	var err error
	if a.algorithms, err = jwks.Algorithms(o.Algorithms); err != nil {
		return nil, fmt.Errorf("authentication: %w", err)
	}
	if len(a.algorithms) == 0 {
		a.algorithms = jwks.DefaultAlgorithms()
	}
	for _, s := range o.Sources {
		if s.URL == "" {
			return nil, errors.New("authentication: a JWKS has no url")
		}
		var report func(context.Context, error)
		if o.Report != nil {
			report = func(ctx context.Context, err error) { o.Report(ctx, s.URL, err) }
		}
		a.sources = append(a.sources, source{s, jwks.New(jwks.Options{
			URL: s.URL, Client: o.Client, Refresh: s.Refresh, Logger: o.Logger, Report: report, Now: o.Now,
		})})
	}
	return a, nil
}

// Authenticate finds the caller of a request with these headers: nil for
// nobody, if that is allowed. The error is a [*TokenError], or wraps
// [jwks.ErrUnavailable] if nobody can say now whether the token is good.
//
// Credentials of another scheme, such as Basic, are no token. They may be for a
// subgraph, so the caller is nobody rather than refused.
func (a *Authenticator) Authenticate(ctx context.Context, h http.Header) (*Caller, error) {
	values := h[http.CanonicalHeaderKey(a.options.Header)]
	if len(values) > 1 { // who reads the first and who the last would not agree
		return nil, invalid("the request has the header " + a.options.Header + " more than once")
	}
	token, given := "", false
	if len(values) == 1 {
		token, given = a.bearer(values[0])
	}
	switch {
	case given && token == "":
		return nil, invalid("it is empty")
	case given:
		return a.verify(ctx, token)
	case len(values) == 1 && strings.Count(values[0], ".") == 2 && !strings.Contains(values[0], " "):
		return nil, invalid("send it as " + a.example())
	case a.options.Required:
		return nil, &TokenError{Message: "Missing access token. Send " + a.example() + "."}
	}
	return nil, nil
}

// bearer takes the token from the header's value; false if it has none.
func (a *Authenticator) bearer(value string) (token string, ok bool) {
	if a.options.Scheme == "" {
		value = strings.TrimSpace(value)
		return value, value != ""
	}
	scheme, token, _ := strings.Cut(strings.TrimSpace(value), " ")
	return strings.TrimSpace(token), strings.EqualFold(scheme, a.options.Scheme)
}

// A TokenError refuses a request because of its token, or for want of one.
type TokenError struct {
	// Message is for the client.
	Message string
	// Challenge is the error of the challenge (RFC 6750, section 3.1); empty if
	// the request had no token.
	Challenge string
	// Scheme is that of the challenge (RFC 9110, section 11.1), such as Basic;
	// the configured one if empty.
	Scheme string
}

// Error gives the message.
func (e *TokenError) Error() string { return e.Message }

func invalid(reason string) *TokenError {
	return &TokenError{Message: "Invalid access token: " + reason + ".", Challenge: ChallengeInvalidToken}
}

func (a *Authenticator) example() string {
	if a.options.Scheme == "" {
		return a.options.Header + ": <token>"
	}
	return a.options.Header + ": " + a.options.Scheme + " <token>"
}

// verify remembers tokens that held.
func (a *Authenticator) verify(ctx context.Context, token string) (*Caller, error) {
	if len(token) > jwks.MaxToken {
		return nil, invalid(jwks.ErrTooLong.Error())
	}
	key, now := sha256.Sum256([]byte(token)), a.options.Now()
	a.mu.RLock()
	v, ok := a.verified[key]
	a.mu.RUnlock()
	if ok && now.Before(v.until) {
		return v.caller, nil
	}
	caller, err := a.check(ctx, token)
	if err != nil {
		return nil, err
	}
	v = verified{caller, now.Add(verifiedFor)}
	if end := caller.Expires.Add(a.options.Leeway); end.Before(v.until) {
		v.until = end
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.verifiedBytes >= maxVerifiedBytes {
		clear(a.verified)
		a.verifiedBytes = 0
	}
	if _, again := a.verified[key]; !again {
		a.verifiedBytes += 4*len(token) + 1<<10
	}
	a.verified[key] = v
	return caller, nil
}

// check verifies a token against each source in turn.
func (a *Authenticator) check(ctx context.Context, token string) (*Caller, error) {
	var failure error
	for i := range a.sources {
		caller, err := a.checkBy(ctx, &a.sources[i], token)
		if err == nil {
			return caller, nil
		}
		// Why the source that has the key refused it says more than that
		// another one does not have it. A source that cannot be asked could
		// have accepted the token.
		if failure == nil || errors.Is(failure, jwks.ErrUnknownKey) || errors.Is(err, jwks.ErrUnavailable) {
			failure = err
		}
	}
	switch {
	case errors.Is(failure, jwks.ErrUnavailable):
		return nil, failure
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	return nil, invalid(reason(failure))
}

func (a *Authenticator) checkBy(ctx context.Context, s *source, token string) (*Caller, error) {
	options := []jwt.ParseOption{
		jwt.WithRequiredClaim(jwt.ExpirationKey),
		jwt.WithAcceptableSkew(a.options.Leeway),
		jwt.WithClock(jwt.ClockFunc(a.options.Now)),
	}
	if s.Issuer != "" {
		options = append(options, jwt.WithIssuer(s.Issuer))
	}
	parsed, err := jwks.Verify(ctx, token, s.keys, a.algorithms, options...)
	if err != nil {
		return nil, err
	}
	if audience, _ := parsed.Audience(); len(s.Audiences) > 0 && !slices.ContainsFunc(audience, func(name string) bool { return slices.Contains(s.Audiences, name) }) {
		return nil, errAudience
	}
	return newCaller(token, parsed)
}

var errAudience = errors.New("it is for another audience (aud)")

// reason says in few words, without the library's chain of causes, what is
// wrong with a token.
func reason(err error) string {
	switch {
	case errors.Is(err, jwt.TokenExpiredError()):
		return "it has expired (exp)"
	case errors.Is(err, jwt.TokenNotYetValidError()):
		return "it is not valid yet (nbf)"
	case errors.Is(err, jwt.InvalidIssuedAtError()):
		return "it was issued in the future (iat)"
	case errors.Is(err, jwt.InvalidIssuerError()):
		return "its issuer is not trusted (iss)"
	case errors.Is(err, jwt.MissingRequiredClaimError()):
		return "it has no expiry (exp)"
	}
	for _, known := range []error{jwks.ErrUnknownKey, jwks.ErrTooLong, jwks.ErrAlgorithm, jwks.ErrCritical, jwks.ErrSignature, jwks.ErrClaims, errAudience} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return jwks.ErrMalformed.Error()
}
