package auth

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

const (
	// keysTimeout bounds fetching a key set, maxKeysBytes its size.
	keysTimeout  = 5 * time.Second
	maxKeysBytes = 1 << 20
	// keysPause is the least time between two fetches of a key set, so that
	// tokens with made-up key ids do not become requests to its server.
	keysPause = 10 * time.Second
	// retryPause is the least time after a fetch that failed while there is
	// no key at all.
	retryPause = time.Second
)

var (
	errUnknownKey = errors.New("the token's key is not known")
	// ErrUnavailable says that no key set could be fetched, so that no token
	// can be verified.
	ErrUnavailable = errors.New("the signing keys cannot be had")
)

// keySet is a JWKS (RFC 7517): fetched when it is first needed, when it is
// old, and when a token names a key that is not in it. Keys known stay good
// while the server is out of reach.
type keySet struct {
	url     string
	client  *http.Client
	refresh time.Duration
	now     func() time.Time

	mu       sync.Mutex
	keys     jwk.Set
	fetched  time.Time
	tried    time.Time
	fetching chan struct{} // closed when the fetch under way has ended
}

// key finds a key by its id; an empty id is the only key of a set of one.
func (k *keySet) key(ctx context.Context, id string) (jwk.Key, error) {
	for {
		k.mu.Lock()
		key, known := k.find(id)
		if now := k.now(); k.fetching == nil && k.due(now, known) {
			k.tried = now
			k.fetching = make(chan struct{})
			// Others wait for this fetch too, so it does not end with the
			// request that began it.
			go k.fetch(context.WithoutCancel(ctx), k.fetching)
		}
		fetching, none := k.fetching, k.keys == nil
		k.mu.Unlock()
		switch {
		case known: // old keys serve while new ones are fetched
			return key, nil
		case fetching == nil && none:
			return nil, ErrUnavailable
		case fetching == nil:
			return nil, errUnknownKey
		}
		select {
		case <-fetching:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// due says whether the set should be fetched now.
func (k *keySet) due(now time.Time, known bool) bool {
	since := now.Sub(k.tried)
	switch {
	case k.tried.IsZero():
		return true
	case k.keys == nil:
		return since >= retryPause
	case !known:
		return since >= keysPause
	}
	return now.Sub(k.fetched) >= k.refresh && since >= keysPause
}

func (k *keySet) find(id string) (jwk.Key, bool) {
	switch {
	case k.keys == nil:
		return nil, false
	case id != "":
		return k.keys.LookupKeyID(id)
	case k.keys.Len() == 1:
		return k.keys.Key(0)
	}
	return nil, false
}

func (k *keySet) fetch(ctx context.Context, done chan struct{}) {
	keys, err := k.get(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err == nil {
		k.keys, k.fetched = keys, k.now()
	}
	k.fetching = nil
	close(done)
}

func (k *keySet) get(ctx context.Context) (jwk.Set, error) {
	ctx, cancel := context.WithTimeout(ctx, keysTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, nil)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", k.url, err)
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	res, err := k.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("fetch the signing keys: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch the signing keys from %s: status %s", k.url, res.Status)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxKeysBytes))
	if err != nil {
		return nil, fmt.Errorf("fetch the signing keys from %s: %w", k.url, err)
	}
	keys, err := jwk.Parse(body)
	if err != nil {
		return nil, fmt.Errorf("read the signing keys of %s: %w", k.url, err)
	}
	return keys, nil
}
