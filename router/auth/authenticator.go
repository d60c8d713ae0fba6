package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"

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
	// Algorithms are the signatures that are accepted: RS256, ES256 and EdDSA
	// if nil.
	Algorithms []string
	// Client fetches keys: one with a timeout if nil.
	Client  *http.Client
	Metrics *telemetry.Metrics
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
	keys *keySet
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
	// maxToken bounds what is even looked at.
	maxToken = 16 << 10
)

// ErrInvalidToken is the error for a token that does not hold. Its text says
// why, for the client.
var ErrInvalidToken = errors.New("the token does not hold")

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
	if o.Client == nil {
		o.Client = &http.Client{Timeout: keysTimeout}
	}
	if o.Metrics == nil {
		o.Metrics = telemetry.New(nil)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &Authenticator{options: o, verified: map[[sha256.Size]byte]verified{}}
	if o.Algorithms == nil {
		a.algorithms = []jwa.SignatureAlgorithm{jwa.RS256(), jwa.ES256(), jwa.EdDSA()}
	}
	for _, name := range o.Algorithms {
		algorithm, ok := jwa.LookupSignatureAlgorithm(name)
		if !ok || algorithm.IsSymmetric() || algorithm == jwa.NoSignature() {
			return nil, fmt.Errorf("authentication: algorithm %q is not a public key signature; RS256, ES256 and EdDSA are", name)
		}
		a.algorithms = append(a.algorithms, algorithm)
	}
	for _, s := range o.Sources {
		if s.URL == "" {
			return nil, errors.New("authentication: a JWKS has no url")
		}
		if s.Refresh == 0 {
			s.Refresh = 10 * time.Minute
		}
		a.sources = append(a.sources, source{s, &keySet{url: s.URL, client: o.Client, refresh: s.Refresh, now: o.Now}})
	}
	return a, nil
}

// Authenticate finds the caller of a request with these headers: nil for
// nobody, if that is allowed. The error is ErrInvalidToken or ErrUnavailable.
func (a *Authenticator) Authenticate(ctx context.Context, h http.Header) (*Caller, error) {
	values := h[http.CanonicalHeaderKey(a.options.Header)]
	if len(values) == 0 {
		if a.options.Required {
			return nil, fmt.Errorf("%w: there is none; send %s", ErrInvalidToken, a.example())
		}
		return nil, nil
	}
	if len(values) > 1 {
		return nil, fmt.Errorf("%w: there are several", ErrInvalidToken)
	}
	token := values[0]
	if a.options.Scheme != "" {
		scheme, rest, _ := strings.Cut(token, " ")
		if !strings.EqualFold(scheme, a.options.Scheme) {
			return nil, fmt.Errorf("%w: it must come as %s", ErrInvalidToken, a.example())
		}
		token = rest
	}
	return a.verify(ctx, strings.TrimSpace(token))
}

func (a *Authenticator) example() string {
	if a.options.Scheme == "" {
		return a.options.Header + ": <token>"
	}
	return a.options.Header + ": " + a.options.Scheme + " <token>"
}

// verify remembers tokens that held.
func (a *Authenticator) verify(ctx context.Context, token string) (*Caller, error) {
	if len(token) > maxToken {
		return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrInvalidToken, maxToken)
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
		// another one does not have it.
		if failure == nil || errors.Is(failure, errUnknownKey) || errors.Is(err, ErrUnavailable) {
			failure = err
		}
	}
	if errors.Is(failure, ErrUnavailable) {
		return nil, ErrUnavailable
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, fmt.Errorf("%w: %s", ErrInvalidToken, reason(failure))
}

func (a *Authenticator) checkBy(ctx context.Context, s *source, token string) (*Caller, error) {
	var keyErr error
	options := []jwt.ParseOption{
		jwt.WithContext(ctx),
		jwt.WithKeyProvider(jws.KeyProviderFunc(func(ctx context.Context, sink jws.KeySink, sig *jws.Signature, _ *jws.Message) error {
			keyErr = a.provide(ctx, s, sink, sig)
			return keyErr
		})),
		jwt.WithRequiredClaim(jwt.ExpirationKey),
		jwt.WithAcceptableSkew(a.options.Leeway),
		jwt.WithClock(jwt.ClockFunc(a.options.Now)),
	}
	if s.Issuer != "" {
		options = append(options, jwt.WithIssuer(s.Issuer))
	}
	parsed, err := jwt.Parse([]byte(token), options...)
	if keyErr != nil {
		return nil, keyErr
	}
	if err != nil {
		return nil, err
	}
	if audience, _ := parsed.Audience(); len(s.Audiences) > 0 && !slices.ContainsFunc(audience, func(name string) bool { return slices.Contains(s.Audiences, name) }) {
		return nil, errAudience
	}
	return newCaller(token, parsed)
}

var (
	errAudience  = errors.New("it is for somebody else (aud)")
	errAlgorithm = errors.New("its signature's algorithm is not accepted")
)

// provide gives the key that a token names, for one of the algorithms that are
// accepted, and only for the one the key itself is meant for.
func (a *Authenticator) provide(ctx context.Context, s *source, sink jws.KeySink, sig *jws.Signature) error {
	header := sig.ProtectedHeaders()
	algorithm, ok := header.Algorithm()
	if !ok || !slices.Contains(a.algorithms, algorithm) {
		return errAlgorithm
	}
	id, _ := header.KeyID()
	key, err := s.keys.key(ctx, id)
	if err != nil {
		return err
	}
	if stated, ok := key.Algorithm(); ok && stated.String() != algorithm.String() {
		return errAlgorithm
	}
	if usage, ok := key.KeyUsage(); ok && usage != "sig" {
		return errUnknownKey
	}
	sink.Key(algorithm, key)
	return nil
}

// reason says in few words, without the library's chain of causes, what is
// wrong with a token.
func reason(err error) string {
	switch {
	case errors.Is(err, jwt.TokenExpiredError()):
		return "it has expired (exp)"
	case errors.Is(err, jwt.TokenNotYetValidError()):
		return "it is not valid yet (nbf)"
	case errors.Is(err, jwt.InvalidIssuedAtError()):
		return "it comes from the future (iat)"
	case errors.Is(err, jwt.InvalidIssuerError()):
		return "its issuer is not trusted (iss)"
	case errors.Is(err, jwt.MissingRequiredClaimError()):
		return "it has no end (exp)"
	case errors.Is(err, errUnknownKey), errors.Is(err, errAudience), errors.Is(err, errAlgorithm):
		return err.Error()
	case errors.Is(err, jws.VerificationError()):
		return "its signature is wrong"
	}
	return "it is not a signed JWT"
}
