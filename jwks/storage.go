package jwks

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/redis/go-redis/v9"

	"souk/internal/boundedfile"
)

// A Storage keeps the last good keys of a [Set] beyond the process, so that a
// process that starts while the issuer is unavailable can verify tokens.
// Whoever can write to it can sign tokens, so it must be protected like a
// signing key although it holds only public keys.
type Storage interface {
	// Load returns what Save saved, or nil if there is nothing.
	Load(ctx context.Context) ([]byte, error)
	Save(ctx context.Context, document []byte) error
}

const (
	// maxStoredAge is the age at which stored keys are not used any more.
	// Tokens live for minutes, so older keys verify hardly any.
	maxStoredAge = 24 * time.Hour
	// storageTimeout bounds loading and saving.
	storageTimeout = 2 * time.Second
	// keepInterval is how often Keep looks whether the keys are still stored.
	keepInterval = 15 * time.Second
)

// stored is the document in a Storage.
type stored struct {
	URL     string          `json:"url"`
	Fetched time.Time       `json:"fetched"`
	Keys    json.RawMessage `json:"keys"` // a JWK Set
}

// restore loads the keys of an earlier process. It returns nil if there are
// none, or none that are young enough.
func (s *Set) restore(ctx context.Context) (jwk.Set, time.Time, error) {
	found, err := s.load(ctx)
	if err != nil || found.URL == "" {
		return nil, time.Time{}, err
	}
	if age := s.o.Now().Sub(found.Fetched); found.URL != s.name || age > maxStoredAge {
		return nil, time.Time{}, nil
	}
	keys, _, err := read(found.Keys)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("reading stored keys: %w", err)
	}
	return keys, found.Fetched, nil
}

// load loads what a process saved; the zero value if nothing is there.
func (s *Set) load(ctx context.Context) (found stored, err error) {
	ctx, cancel := context.WithTimeout(ctx, storageTimeout)
	defer cancel()
	document, err := s.o.Storage.Load(ctx)
	if err != nil || document == nil {
		return found, err
	}
	if err := json.Unmarshal(document, &found); err != nil {
		return found, fmt.Errorf("decoding stored keys: %w", err)
	}
	return found, nil
}

// Keep saves the keys again, within keepInterval and without a fetch, if the
// Storage has lost them or has older ones. Otherwise the copy would be missing
// until the next fetch, and for good if the issuer is unavailable by then. Keep
// returns nil when ctx ends, or at once without a Storage.
func (s *Set) Keep(ctx context.Context) error {
	if s.o.Storage == nil {
		return nil
	}
	ticker := time.NewTicker(keepInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			s.keep(ctx)
		}
	}
}

func (s *Set) keep(ctx context.Context) {
	s.mu.Lock()
	keys, fetched := s.keys, s.fetched
	s.mu.Unlock()
	if keys == nil || s.o.Now().Sub(fetched) > maxStoredAge {
		return
	}
	// A copy that cannot be read or used is replaced, too.
	if found, err := s.load(ctx); err == nil && found.URL == s.name && !found.Fetched.Before(fetched) {
		return
	}
	if err := s.save(ctx, keys, fetched); err != nil {
		return // the next fetch logs that the storage is unavailable
	}
	s.o.Logger.InfoContext(ctx, "saved the signing keys again, because their copy was lost", "url", s.name)
}

// save saves the keys, which were fetched at the given time.
func (s *Set) save(ctx context.Context, keys jwk.Set, fetched time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, storageTimeout)
	defer cancel()
	public, err := jwk.PublicSetOf(keys) // read keeps only public keys; this makes sure
	if err != nil {
		return fmt.Errorf("selecting the public keys: %w", err)
	}
	set, err := json.Marshal(public)
	if err != nil {
		return fmt.Errorf("encoding keys: %w", err)
	}
	document, err := json.Marshal(stored{URL: s.name, Fetched: fetched.UTC(), Keys: set})
	if err != nil {
		return fmt.Errorf("encoding keys: %w", err)
	}
	return s.o.Storage.Save(ctx, document)
}

// File returns a storage in a file of a directory, which it creates when it
// first saves. Only the user of the process can read or write the file.
func File(directory, url string) Storage {
	name := sha256.Sum256([]byte(url))
	return file{filepath.Join(directory, "jwks-"+base64.RawURLEncoding.EncodeToString(name[:9])+".json")}
}

type file struct{ path string }

func (f file) Load(context.Context) ([]byte, error) {
	document, err := boundedfile.ReadRegular(f.path, maxBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading stored keys: %w", err)
	}
	return document, nil
}

// Save replaces the file, so that a reader never sees half of it.
func (f file) Save(_ context.Context, document []byte) error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return fmt.Errorf("storing keys: %w", err)
	}
	next, err := os.CreateTemp(filepath.Dir(f.path), ".jwks-*") // mode 0600
	if err != nil {
		return fmt.Errorf("storing keys: %w", err)
	}
	defer os.Remove(next.Name())
	_, err = next.Write(document)
	if err = errors.Join(err, next.Close()); err != nil {
		return fmt.Errorf("storing keys: %w", err)
	}
	if err := os.Rename(next.Name(), f.path); err != nil {
		return fmt.Errorf("storing keys: %w", err)
	}
	return nil
}

// Redis returns a storage in Redis, shared by all processes with the same
// secret; each secret has a key of its own, which begins with prefix. Other programs may write to the same
// Redis, so a document has a message authentication code made with the secret
// (HMAC-SHA-256, RFC 2104), and one without it is refused.
func Redis(client redis.UniversalClient, prefix, secret, url string) Storage {
	key := sha256.Sum256([]byte("souk:jwks\x00" + secret))
	r := redisStorage{client: client, secret: key[:]}
	r.key = prefix + "souk:jwks:" + base64.RawURLEncoding.EncodeToString(r.code([]byte(url))[:9])
	return r
}

type redisStorage struct {
	client redis.UniversalClient
	key    string
	secret []byte
}

func (r redisStorage) code(document []byte) []byte {
	mac := hmac.New(sha256.New, r.secret)
	mac.Write(document)
	return mac.Sum(nil)
}

func (r redisStorage) Load(ctx context.Context) ([]byte, error) {
	text, err := r.client.Get(ctx, r.key).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading stored keys: %w", err)
	}
	if len(text) < sha256.Size || !hmac.Equal(text[:sha256.Size], r.code(text[sha256.Size:])) {
		return nil, fmt.Errorf("reading stored keys: the value of %s in Redis has been changed by another program", r.key)
	}
	return text[sha256.Size:], nil
}

func (r redisStorage) Save(ctx context.Context, document []byte) error {
	if err := r.client.Set(ctx, r.key, append(r.code(document), document...), maxStoredAge).Err(); err != nil {
		return fmt.Errorf("storing keys: %w", err)
	}
	return nil
}
