package identity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"
)

// JWKSPath is where the user service publishes its keys.
const JWKSPath = "/.well-known/jwks.json"

const (
	// jwksAge is how old keys may get before they are fetched anew: how long a
	// key that was withdrawn is still believed.
	jwksAge = 5 * time.Minute
	// jwksPause is the least time between two fetches, so that tokens with
	// made-up key ids do not become requests to the user service.
	jwksPause   = 5 * time.Second
	jwksTimeout = 3 * time.Second
	jwksSize    = 1 << 20
)

// ErrUnknownKey is the error for a key id that is not among the keys.
var ErrUnknownKey = errors.New("no such signing key")

// JWKS are the keys published at a URL (RFC 7517), fetched when they are first
// needed, when a token names one that is not known yet, and when they are old.
// Keys known stay good while the URL is out of reach.
type JWKS struct {
	URL    string
	Client *http.Client // nil: http.DefaultClient
	Now    func() time.Time

	mu      sync.Mutex
	keys    jwk.Set
	fetched time.Time // when keys were last got
	tried   time.Time // when that was last tried
}

// Key implements KeySource.
func (j *JWKS) Key(ctx context.Context, id string) (jwk.Key, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	key, known := j.lookUp(id)
	now := time.Now()
	if j.Now != nil {
		now = j.Now()
	}
	stale := now.Sub(j.fetched) > jwksAge
	if known && !stale {
		return key, nil
	}
	if j.tried.IsZero() || now.Sub(j.tried) >= jwksPause {
		j.tried = now
		keys, err := j.fetch(ctx)
		if err != nil && !known {
			return nil, err
		}
		if err == nil {
			j.keys, j.fetched = keys, now
			key, known = j.lookUp(id)
		}
	}
	if !known {
		return nil, fmt.Errorf("%w: %q", ErrUnknownKey, id)
	}
	return key, nil
}

func (j *JWKS) lookUp(id string) (jwk.Key, bool) {
	if j.keys == nil {
		return nil, false
	}
	return j.keys.LookupKeyID(id)
}

// fetch is not ended by the request that happens to need it: others wait for it.
func (j *JWKS) fetch(ctx context.Context) (jwk.Set, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), jwksTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, j.URL, nil)
	if err != nil {
		return nil, fmt.Errorf("fetching the signing keys: %w", err)
	}
	client := j.Client
	if client == nil {
		client = http.DefaultClient
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("fetching the signing keys: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetching the signing keys from %s: status %s", j.URL, response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, jwksSize))
	if err != nil {
		return nil, fmt.Errorf("fetching the signing keys: %w", err)
	}
	keys, err := jwk.Parse(body)
	if err != nil {
		return nil, fmt.Errorf("reading the signing keys of %s: %w", j.URL, err)
	}
	return keys, nil
}
