package jwks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
)

var (
	// ErrUnknownKey means that no key of the set can have made a signature.
	ErrUnknownKey = errors.New("unknown signing key")
	// ErrUnavailable means that the keys cannot be fetched, so a token can be
	// neither accepted nor rejected. It wraps the cause.
	ErrUnavailable = errors.New("the signing keys are unavailable")
)

const (
	// fetchTimeout bounds a fetch, and so the time a token waits for its key.
	fetchTimeout = 5 * time.Second
	// refreshGrace is how long after Options.Refresh keys are used while they are fetched again.
	refreshGrace = 10 * time.Second
	// maxRedirects bounds the redirects of a fetch with headers.
	maxRedirects = 10
	// maxBytes bounds the size of a JWK Set.
	maxBytes = 1 << 20
	// retryPause is the minimum time between a failed fetch and the next one
	// if a token needs a missing key.
	retryPause = time.Second
	// DefaultRefresh and DefaultPause are the defaults of Options.
	DefaultRefresh = 10 * time.Minute
	DefaultPause   = 10 * time.Second
)

// Options configure a Set.
type Options struct {
	// URL is the URL of the JWK Set.
	URL string
	// File is the path of a file with the JWK Set, in place of URL. It is read again within a second
	// of a change, once a token needs a key.
	File string
	// Client fetches the JWK Set. It should not add credentials of a caller.
	// http.DefaultClient if nil.
	Client *http.Client
	// Header has headers of the requests, such as credentials. They are sent to the host of
	// the URL only.
	Header http.Header
	// Refresh is the age at which keys are fetched again, once a token needs one. A withdrawn key
	// is accepted for 10 seconds longer at most, unless the issuer does not respond. Pause is the
	// minimum time between two fetches for unknown keys, so that tokens with made-up key IDs do
	// not cause requests to the issuer.
	Refresh, Pause time.Duration
	// Logger receives skipped keys. Without Report it also receives the first
	// of several failed fetches, and the recovery.
	Logger *slog.Logger
	// Report, if not nil, is called with the result of each fetch. It is then
	// responsible for logging failures.
	Report func(ctx context.Context, err error)
	// Storage, if not nil, keeps the last good keys beyond the process. They are
	// used, for up to a day, if the first fetch fails. Run Keep beside the Set, so
	// that a copy that is lost is saved again.
	Storage Storage
	// Now is the clock: time.Now if nil.
	Now func() time.Time
}

// A Set is a JWK Set at a URL or in a file. It is safe for concurrent use.
type Set struct {
	o    Options
	name string // the URL without credentials, or the path of the file

	mu       sync.Mutex
	keys     jwk.Set // nil until a fetch succeeded
	skipped  []string
	failure  error // of the last fetch
	fetched  time.Time
	tried    time.Time
	fetching chan struct{} // closed when the current fetch ends; nil without one
	looked   time.Time     // when the file was last looked at
	version  os.FileInfo   // of the file at that time; nil if there was none
}

// New returns a Set. It fetches the keys when they are first needed.
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
	if o.File != "" {
		s.name = o.File
	}
	return s
}

// Keys implements Source. It waits for a fetch if the token's key is missing, if the keys are
// older than they should be, or if a file has changed, but never for a second one: with an issuer that does not respond, a
// token would wait for several timeouts.
func (s *Set) Keys(ctx context.Context, id string, algorithm jwa.SignatureAlgorithm) ([]jwk.Key, error) {
	for waited := false; ; waited = true {
		s.mu.Lock()
		found, now := Match(s.keys, id, algorithm), s.o.Now()
		if !waited && s.fetching == nil && s.due(now, len(found) > 0) {
			s.tried = now
			s.fetching = make(chan struct{})
			// Other tokens wait for this fetch too, so it must not end with
			// the request that started it.
			go s.fetch(context.WithoutCancel(ctx), s.fetching)
		}
		fetching, failure, overdue := s.fetching, s.failure, s.overdue(now)
		s.mu.Unlock()
		if waited {
			fetching = nil
		}
		switch {
		case len(found) > 0 && (!overdue || fetching == nil): // do not wait for a refresh in time
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

// overdue reports whether tokens should wait for a fetch in progress although their key is known,
// because it may have been withdrawn long ago: nobody needed the keys when they were due. If the
// issuer did not respond the last time, tokens do not wait for it again. A file is read at once.
func (s *Set) overdue(now time.Time) bool {
	return s.o.File != "" || s.failure == nil && now.Sub(s.fetched) >= s.o.Refresh+refreshGrace
}

// due reports whether the set should be fetched now.
func (s *Set) due(now time.Time, found bool) bool {
	since, changed := now.Sub(s.tried), s.changed(now, found)
	switch {
	case s.tried.IsZero() || changed:
		return true
	case !found && s.failure != nil:
		return since >= retryPause
	case !found:
		return since >= s.o.Pause
	}
	return now.Sub(s.fetched) >= s.o.Refresh && since >= min(s.o.Pause, s.o.Refresh)
}

// fetch fetches the keys. If that fails, it keeps the present ones.
func (s *Set) fetch(ctx context.Context, done chan struct{}) {
	keys, skipped, err := s.get(ctx)
	if s.o.Report != nil {
		s.o.Report(ctx, err)
	}
	s.log(ctx, skipped, err)
	now := s.o.Now()
	restored, age := s.store(ctx, keys, now, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure, s.skipped = err, skipped
	s.tried = s.o.Now() // a pause starts at the end of a fetch
	if err == nil {
		s.keys, s.fetched = keys, now
	} else if s.keys == nil && restored != nil {
		s.keys, s.fetched = restored, age
	}
	s.fetching = nil
	close(done)
}

// store saves the keys after a successful fetch, even if they have not changed: the
// storage may have lost them. After a failed one, it returns
// the keys that an earlier process saved, and when they were fetched, unless
// the Set has keys.
func (s *Set) store(ctx context.Context, keys jwk.Set, now time.Time, failure error) (restored jwk.Set, fetched time.Time) {
	if s.o.Storage == nil {
		return nil, time.Time{}
	}
	s.mu.Lock()
	present := s.keys
	s.mu.Unlock()
	switch {
	case failure == nil:
		if err := s.save(ctx, keys, now); err != nil {
			s.o.Logger.WarnContext(ctx, "could not save the signing keys; a restart while the issuer is unavailable would lose them", "url", s.name, "error", err)
		}
	case failure != nil && present == nil:
		var err error
		if restored, fetched, err = s.restore(ctx); err != nil {
			s.o.Logger.WarnContext(ctx, "could not load the saved signing keys", "url", s.name, "error", err)
			return nil, time.Time{}
		}
		if restored != nil {
			s.o.Logger.WarnContext(ctx, "the signing keys cannot be fetched; using saved ones", "url", s.name, "fetched", fetched)
		}
	}
	return restored, fetched
}

// log logs what has changed since the last fetch: a failure, a recovery, or other
// skipped keys.
func (s *Set) log(ctx context.Context, skipped []string, err error) {
	s.mu.Lock()
	failed, before := s.failure != nil, s.skipped
	s.mu.Unlock()
	switch {
	case s.o.Report != nil:
	case err != nil && !failed:
		s.o.Logger.WarnContext(ctx, "fetching the signing keys failed; the last good keys stay in use", "url", s.name, "error", err)
	case err == nil && failed:
		s.o.Logger.InfoContext(ctx, "fetching the signing keys succeeded again", "url", s.name)
	}
	if len(skipped) > 0 && !slices.Equal(skipped, before) {
		s.o.Logger.WarnContext(ctx, "skipped unusable signing keys", "url", s.name, "keys", skipped)
	}
}

// client returns the client for a fetch. net/http repeats headers when it follows a redirect, also
// to another host, if it does not know that they are credentials.
func (s *Set) client() *http.Client {
	if len(s.o.Header) == 0 {
		return s.o.Client
	}
	c := *s.o.Client
	c.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if len(via) >= maxRedirects || r.URL.Host != via[0].URL.Host || r.URL.Scheme != via[0].URL.Scheme {
			return errRedirect
		}
		return nil
	}
	return &c
}

// errRedirect is the error of a fetch with headers that is redirected.
var errRedirect = errors.New("the headers of the request are not for the host that it is redirected to")

// get fetches and parses the JWK Set.
func (s *Set) get(ctx context.Context) (jwk.Set, []string, error) {
	if s.o.File != "" {
		return readFile(s.o.File)
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.o.URL, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("fetching %s: %w", s.name, err)
	}
	r.Header = s.o.Header.Clone()
	if r.Header == nil {
		r.Header = http.Header{}
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	res, err := s.client().Do(r)
	if err != nil {
		return nil, nil, err // err contains the URL
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("fetching %s: unexpected status %s", s.name, res.Status)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBytes+1))
	if err != nil {
		return nil, nil, fmt.Errorf("fetching %s: %w", s.name, err)
	}
	if len(body) > maxBytes {
		return nil, nil, fmt.Errorf("fetching %s: the JWK Set is longer than %d bytes", s.name, maxBytes)
	}
	keys, skipped, err := read(body)
	if err != nil {
		return nil, skipped, fmt.Errorf("reading %s: %w", s.name, err)
	}
	return keys, skipped, nil
}
