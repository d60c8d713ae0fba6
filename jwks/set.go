package jwks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
)

var (
	// ErrUnknownKey says that no key of the set may have made a signature.
	ErrUnknownKey = errors.New("the signing key is not known")
	// ErrUnavailable says that the keys cannot be fetched, so that nobody can
	// say whether a token is good. It wraps the cause.
	ErrUnavailable = errors.New("the signing keys are out of reach")
)

const (
	// fetchTimeout bounds a fetch, and so how long a token waits for its key.
	fetchTimeout = 5 * time.Second
	// maxBytes bounds the length of a JWK Set.
	maxBytes = 1 << 20
	// retryPause is the least time after a fetch that failed, while a token
	// needs a key that is not there.
	retryPause = time.Second
	// DefaultRefresh and DefaultPause are those of Options.
	DefaultRefresh = 10 * time.Minute
	DefaultPause   = 10 * time.Second
)

// Options configure a Set.
type Options struct {
	// URL is where the JWK Set is.
	URL string
	// Client fetches it: one without a proxy's or a caller's credentials of its
	// own, http.DefaultClient if nil.
	Client *http.Client
	// Refresh is how old keys may get before they are fetched again, which is
	// how long a withdrawn key may still be believed; Pause is the least time
	// between two fetches, so that tokens with made-up key IDs do not become
	// requests to the issuer.
	Refresh, Pause time.Duration
	// Logger is told of keys that are left out and, without Report, of the first
	// of several fetches that fail and of the recovery.
	Logger *slog.Logger
	// Report, unless nil, is told the outcome of every fetch, and logs failures.
	Report func(ctx context.Context, err error)
	// Now is the time: time.Now if nil.
	Now func() time.Time
}

// A Set is a JWK Set at a URL. It is safe for concurrent use.
type Set struct {
	o    Options
	name string // the URL without credentials

	mu       sync.Mutex
	keys     jwk.Set // nil until a fetch succeeded
	leftOut  []string
	failure  error // of the last fetch
	fetched  time.Time
	tried    time.Time
	fetching chan struct{} // closed when the fetch under way has ended
}

// New makes a Set. Its keys are fetched when they are first needed.
func New(o Options) *Set {
	if o.Client == nil {
		o.Client = http.DefaultClient
	}
	if o.Refresh == 0 {
		o.Refresh = DefaultRefresh
	}
	if o.Pause == 0 {
		o.Pause = DefaultPause
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Set{o: o, name: o.URL}
	if u, err := url.Parse(o.URL); err == nil {
		s.name = u.Redacted()
	}
	return s
}

// Keys implements Source. While keys are fetched for the first time, or for a
// token whose key is not among them, it waits for the fetch, but for no second
// one: that would have a token wait as long as fetches are slow to fail.
func (s *Set) Keys(ctx context.Context, id string, algorithm jwa.SignatureAlgorithm) ([]jwk.Key, error) {
	for waited := false; ; waited = true {
		s.mu.Lock()
		found := Match(s.keys, id, algorithm)
		if now := s.o.Now(); !waited && s.fetching == nil && s.due(now, len(found) > 0) {
			s.tried = now
			s.fetching = make(chan struct{})
			// Others wait for this fetch too, so it does not end with the
			// request that began it.
			go s.fetch(context.WithoutCancel(ctx), s.fetching)
		}
		fetching, failure := s.fetching, s.failure
		s.mu.Unlock()
		if waited {
			fetching = nil
		}
		switch {
		case len(found) > 0: // also while newer ones are fetched
			return found, nil
		case fetching == nil && failure != nil:
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, failure)
		case fetching == nil:
			return nil, ErrUnknownKey
		}
		select {
		case <-fetching:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// due says whether the set should be fetched now.
func (s *Set) due(now time.Time, found bool) bool {
	since := now.Sub(s.tried)
	switch {
	case s.tried.IsZero():
		return true
	case !found && s.failure != nil:
		return since >= retryPause
	case !found:
		return since >= s.o.Pause
	}
	return now.Sub(s.fetched) >= s.o.Refresh && since >= s.o.Pause
}

// fetch replaces the keys, or keeps those there are if that fails.
func (s *Set) fetch(ctx context.Context, done chan struct{}) {
	keys, leftOut, err := s.get(ctx)
	if s.o.Report != nil {
		s.o.Report(ctx, err)
	}
	s.log(ctx, leftOut, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure, s.leftOut = err, leftOut
	s.tried = s.o.Now() // pauses begin when a fetch ends, however long it took
	if err == nil {
		s.keys, s.fetched = keys, s.o.Now()
	}
	s.fetching = nil
	close(done)
}

// log tells of what has changed since the fetch before: a failure, a recovery,
// other keys that are left out.
func (s *Set) log(ctx context.Context, leftOut []string, err error) {
	s.mu.Lock()
	failed, before := s.failure != nil, s.leftOut
	s.mu.Unlock()
	switch {
	case s.o.Report != nil:
	case err != nil && !failed:
		s.o.Logger.WarnContext(ctx, "fetching the signing keys failed; the last good ones stay in use", "url", s.name, "error", err)
	case err == nil && failed:
		s.o.Logger.InfoContext(ctx, "the signing keys are fetched again", "url", s.name)
	}
	if len(leftOut) > 0 && !slices.Equal(leftOut, before) {
		s.o.Logger.WarnContext(ctx, "signing keys that cannot be used are left out", "url", s.name, "keys", leftOut)
	}
}

func (s *Set) get(ctx context.Context) (jwk.Set, []string, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.o.URL, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("fetching %s: %w", s.name, err)
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	res, err := s.o.Client.Do(r)
	if err != nil {
		return nil, nil, err // names the URL
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("fetching %s: the status is %s", s.name, res.Status)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBytes+1))
	if err != nil {
		return nil, nil, fmt.Errorf("fetching %s: %w", s.name, err)
	}
	if len(body) > maxBytes {
		return nil, nil, fmt.Errorf("fetching %s: it is longer than %d bytes", s.name, maxBytes)
	}
	keys, leftOut, err := read(body)
	if err != nil {
		return nil, leftOut, fmt.Errorf("reading %s: %w", s.name, err)
	}
	return keys, leftOut, nil
}
