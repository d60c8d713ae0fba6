package auth

import (
	"cmp"
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
	// Sources are the trusted issuers. At least one is required.
	Sources []Source
	// Header is the header that carries the token; Authorization if empty. Scheme is
	// the authentication scheme before the token; Bearer if empty and Header is
	// Authorization.
	Header, Scheme string
	// Places are further places of the token, in order, for requests without one in Header.
	Places []Place
	// Leeway is the allowed clock skew for exp, nbf and iat.
	Leeway time.Duration
	// Required rejects requests without a token. Otherwise they are anonymous.
	Required bool
	// Algorithms are the accepted signature algorithms, by their names in RFC 7518,
	// section 3.1. The default is RS256, ES256, EdDSA and Ed25519.
	Algorithms []string
	Metrics    *telemetry.Metrics
	// Logger receives warnings about key sets. It may be nil.
	Logger *slog.Logger
	// Report is called with the result of every fetch of a key set. It may be nil.
	Report func(ctx context.Context, url string, err error)
	// Storage returns where the last good keys of a key set are kept across restarts. It may
	// be nil, and may return nil.
	Storage func(url string) jwks.Storage
	// Now returns the current time; time.Now if nil.
	Now func() time.Time
}

// A Place is where requests carry tokens: a header or a cookie.
type Place struct {
	// Header is the header. Scheme is the authentication scheme before the token; if it is
	// empty, the value of the header is the token.
	Header, Scheme string
	// Cookie is the name of the cookie (RFC 6265), if Header is empty.
	Cookie string
}

// A Source is an issuer of tokens and its key set.
type Source struct {
	// URL is the URL of the JWKS (RFC 7517). File is the path of a file in its place.
	URL, File string
	// Header has headers of the requests for the key set, and Client sends them. Both may
	// be nil.
	Header http.Header
	Client *http.Client
	// Refresh is the maximum age of the keys; ten minutes if zero.
	Refresh time.Duration
	// Issuers are the accepted values of the iss claim. If the list is empty, any issuer is
	// accepted.
	Issuers []string
	// Audiences are the accepted audiences. The aud claim must contain one of them.
	// If the list is empty, any audience is accepted.
	Audiences []string
	// Algorithms are the accepted signature algorithms. The default are those of Options.
	Algorithms []string
}

// An Authenticator verifies tokens. It is safe for concurrent use.
type Authenticator struct {
	options Options
	places  []Place // the first is Options.Header
	sources []source
	// trusted is how long a valid token is not verified again: verifiedFor, or the shortest
	// Refresh of a source.
	trusted time.Duration

	mu       sync.RWMutex
	verified map[[sha256.Size]byte]verified
	// verifiedBytes is an estimate of the memory that verified takes.
	verifiedBytes int
}

type source struct {
	Source
	algorithms []jwa.SignatureAlgorithm
	keys       *jwks.Set
}

// verified is a cache entry for a valid token.
type verified struct {
	caller *Caller
	until  time.Time
}

const (
	// verifiedFor is how long a valid token is not verified again, at most. It bounds how
	// long tokens signed by a withdrawn key are still accepted. An entry also ends when
	// the token expires.
	verifiedFor = time.Minute
	// maxVerifiedBytes bounds the cache of valid tokens. An entry has the token and
	// its claims, which take about three times its length.
	maxVerifiedBytes = 8 << 20
)

// New returns an Authenticator. It fetches no keys: that happens when a token first
// needs them. It fails if there is no source or an algorithm is unknown.
func New(o Options) (*Authenticator, error) {
	if len(o.Sources) == 0 {
		return nil, errors.New("authentication: no JWKS is configured; add one to authentication.jwt.jwks")
	}
	o.Header, o.Scheme = placement(o.Header, o.Scheme)
	if o.Metrics == nil {
		o.Metrics = telemetry.New(nil)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &Authenticator{
		options: o, places: append([]Place{{Header: o.Header, Scheme: o.Scheme}}, o.Places...), verified: map[[sha256.Size]byte]verified{}, trusted: verifiedFor,
	}
	all, err := jwks.Algorithms(o.Algorithms)
	if err != nil {
		return nil, fmt.Errorf("authentication: %w", err)
	}
	if len(all) == 0 {
		all = jwks.DefaultAlgorithms()
	}
	for _, s := range o.Sources {
		name := cmp.Or(s.URL, s.File)
		if name == "" {
			return nil, errors.New("authentication: a JWKS has no url and no file")
		}
		if s.Refresh > 0 {
			a.trusted = min(a.trusted, s.Refresh)
		}
		algorithms, err := jwks.Algorithms(s.Algorithms)
		if err != nil {
			return nil, fmt.Errorf("authentication: %s: %w", name, err)
		}
		if len(algorithms) == 0 {
			algorithms = all
		}
		var report func(context.Context, error)
		if o.Report != nil {
			report = func(ctx context.Context, err error) { o.Report(ctx, name, err) }
		}
		var storage jwks.Storage
		if o.Storage != nil && s.URL != "" {
			storage = o.Storage(s.URL)
		}
		a.sources = append(a.sources, source{s, algorithms, jwks.New(jwks.Options{
			URL: s.URL, File: s.File, Header: s.Header, Client: s.Client, Refresh: s.Refresh, Logger: o.Logger, Report: report, Storage: storage, Now: o.Now,
		})})
	}
	return a, nil
}

// KeepKeys saves keys again that their Storage has lost, until ctx ends.
func (a *Authenticator) KeepKeys(ctx context.Context) {
	var work sync.WaitGroup
	for i := range a.sources {
		work.Go(func() { _ = a.sources[i].keys.Keep(ctx) }) // always nil
	}
	work.Wait()
}

// Authenticate returns the caller of a request with these headers. The caller is nil
// if the request has no token and none is required. The error is a [*TokenError], or
// wraps [jwks.ErrUnavailable] if the token cannot be verified at the moment.
//
// Credentials of another scheme, such as Basic, may be meant for a subgraph. They do
// not count as a token, so the caller is anonymous.
func (a *Authenticator) Authenticate(ctx context.Context, h http.Header) (*Caller, error) {
	for i, place := range a.places {
		token, given, err := place.token(h)
		switch {
		case err != nil:
			return nil, err
		case given && token == "":
			return nil, invalid("it is empty")
		case given:
			return a.verify(ctx, token)
		case i == 0 && bare(h[http.CanonicalHeaderKey(place.Header)]):
			return nil, invalid("send it as " + example(a.options.Header, a.options.Scheme))
		}
	}
	if a.options.Required {
		return nil, &TokenError{Message: MissingToken(a.options.Header, a.options.Scheme)}
	}
	return nil, nil
}

// bare reports whether a header has a token without its scheme.
func bare(values []string) bool {
	return len(values) == 1 && strings.Count(values[0], ".") == 2 && !strings.Contains(values[0], " ")
}

// token returns the token at a place. given is false if there is none, or a header has another
// scheme.
func (p Place) token(h http.Header) (token string, given bool, err error) {
	if p.Header == "" {
		return p.cookie(h)
	}
	values := h[http.CanonicalHeaderKey(p.Header)]
	if len(values) > 1 { // the router and a subgraph might each use a different one
		return "", false, invalid("the request has the header " + p.Header + " more than once")
	}
	if len(values) == 0 {
		return "", false, nil
	}
	value := strings.TrimSpace(values[0])
	if p.Scheme == "" {
		return value, value != "", nil
	}
	scheme, token, _ := strings.Cut(value, " ")
	return strings.TrimSpace(token), strings.EqualFold(scheme, p.Scheme), nil
}

// cookie returns the token in a cookie. An empty cookie is one that has been deleted.
func (p Place) cookie(h http.Header) (token string, given bool, err error) {
	cookies := (&http.Request{Header: h}).CookiesNamed(p.Cookie)
	if len(cookies) > 1 {
		return "", false, invalid("the request has the cookie " + p.Cookie + " more than once")
	}
	if len(cookies) == 0 || cookies[0].Value == "" {
		return "", false, nil
	}
	return cookies[0].Value, true, nil
}

// A TokenError rejects a request because its token is invalid or missing.
type TokenError struct {
	// Message is the message for the client.
	Message string
	// Challenge is the error code of the challenge (RFC 6750, section 3.1). It is
	// empty if the request had no token.
	Challenge string
	// Scheme is the authentication scheme of the challenge (RFC 9110, section 11.1),
	// such as Basic. If it is empty, the configured scheme applies.
	Scheme string
}

// Error returns the message.
func (e *TokenError) Error() string { return e.Message }

func invalid(reason string) *TokenError {
	return &TokenError{Message: "Invalid access token: " + reason + ".", Challenge: ChallengeInvalidToken}
}

// MissingToken returns the message for a request without a token where one is needed.
// It says how to send one in a header, with a scheme. The defaults are those of
// [Options].
func MissingToken(header, scheme string) string {
	return "Missing access token. Send " + example(placement(header, scheme)) + "."
}

// placement returns the header and the scheme that a token is sent with. The default is
// the header Authorization, whose default scheme is Bearer.
func placement(header, scheme string) (string, string) {
	if header == "" {
		header = "Authorization"
	}
	if scheme == "" && http.CanonicalHeaderKey(header) == "Authorization" {
		scheme = "Bearer"
	}
	return header, scheme
}

// example is a header line with a token. An empty scheme means that the token has none.
func example(header, scheme string) string {
	if scheme == "" {
		return header + ": <token>"
	}
	return header + ": " + scheme + " <token>"
}

// verify verifies a token and caches the result if it is valid. When the cache is
// full, it starts over with an empty one.
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
	v = verified{caller, now.Add(a.trusted)}
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
		// Report the most specific reason: a source that has the key says more than
		// one that does not. An unavailable source takes precedence, because it might
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
	parsed, err := jwks.Verify(ctx, token, s.keys, s.algorithms, options...)
	if err != nil {
		return nil, err
	}
	if issuer, _ := parsed.Issuer(); len(s.Issuers) > 0 && !slices.Contains(s.Issuers, issuer) {
		return nil, errIssuer
	}
	if audience, _ := parsed.Audience(); len(s.Audiences) > 0 && !slices.ContainsFunc(audience, func(name string) bool { return slices.Contains(s.Audiences, name) }) {
		return nil, errAudience
	}
	return newCaller(token, parsed)
}

var (
	errIssuer   = errors.New("its issuer is not trusted (iss)")
	errAudience = errors.New("it is for another audience (aud)")
)

// reason describes for clients what is wrong with a token, without the wrapped errors
// of the library.
func reason(err error) string {
	switch {
	case errors.Is(err, jwt.TokenExpiredError()):
		return "it has expired (exp)"
	case errors.Is(err, jwt.TokenNotYetValidError()):
		return "it is not valid yet (nbf)"
	case errors.Is(err, jwt.InvalidIssuedAtError()):
		return "it was issued in the future (iat)"
	case errors.Is(err, jwt.MissingRequiredClaimError()):
		return "it has no expiry (exp)"
	}
	for _, known := range []error{jwks.ErrUnknownKey, jwks.ErrTooLong, jwks.ErrAlgorithm, jwks.ErrCritical, jwks.ErrSignature, jwks.ErrClaims, errIssuer, errAudience} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return jwks.ErrMalformed.Error()
}
