package jwks_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/redis/go-redis/v9"

	"souk/jwks"
)

// storages returns a function for each kind of storage. Each call returns a
// storage as a new process has it.
func storages(t *testing.T) map[string]func(url string) jwks.Storage {
	t.Helper()
	directory := filepath.Join(t.TempDir(), "new")
	client := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { client.Close() })
	return map[string]func(url string) jwks.Storage{
		"file":  func(url string) jwks.Storage { return jwks.File(directory, url) },
		"Redis": func(url string) jwks.Storage { return jwks.Redis(client, "", "the secret of all processes", url) },
	}
}

// A process that starts while the issuer is unavailable verifies tokens with
// the keys of the process before it.
func TestKeysSurviveARestart(t *testing.T) {
	for name, storage := range storages(t) {
		t.Run(name, func(t *testing.T) {
			var c clock
			server := serve(t, set(publicKey(t, newEd25519(t), map[string]any{"kid": "1"})))
			start := func(url string) *jwks.Set {
				return jwks.New(jwks.Options{URL: url, Now: c.now, Storage: storage(url)})
			}
			check := func(s *jwks.Set, id string, want error) {
				t.Helper()
				if _, err := s.Keys(t.Context(), id, jwa.EdDSA()); !errors.Is(err, want) {
					t.Errorf("key %s: got error %v, want %v", id, err, want)
				}
			}
			c.advance(time.Hour)
			check(start(server.URL), "1", nil)
			server.publish("")
			restarted := start(server.URL)
			check(restarted, "1", nil)
			check(restarted, "2", jwks.ErrUnavailable) // it may be new
			check(start(server.URL+"/other"), "1", jwks.ErrUnavailable)

			c.advance(25 * time.Hour)
			check(start(server.URL), "1", jwks.ErrUnavailable)

			server.publish(set(publicKey(t, newEd25519(t), map[string]any{"kid": "2"})))
			check(start(server.URL), "2", nil)
			server.publish("")
			check(start(server.URL), "2", nil)
			check(start(server.URL), "1", jwks.ErrUnavailable) // withdrawn
		})
	}
}

// Keys that do not change are saved again before they are too old.
func TestUnchangedKeysAreSavedAgain(t *testing.T) {
	for name, storage := range storages(t) {
		t.Run(name, func(t *testing.T) {
			var c clock
			server := serve(t, set(publicKey(t, newEd25519(t), map[string]any{"kid": "1"})))
			s := jwks.New(jwks.Options{URL: server.URL, Now: c.now, Storage: storage(server.URL)})
			for range 30 {
				c.advance(time.Hour)
				before := server.fetches.Load()
				if _, err := s.Keys(t.Context(), "1", jwa.EdDSA()); err != nil {
					t.Fatal(err)
				}
				if _, err := s.Keys(t.Context(), "none", jwa.EdDSA()); !errors.Is(err, jwks.ErrUnknownKey) { // waits for the refresh
					t.Fatal(err)
				}
				if server.fetches.Load() == before {
					t.Fatal("the keys were not fetched again")
				}
			}
			server.publish("")
			if _, err := jwks.New(jwks.Options{URL: server.URL, Now: c.now, Storage: storage(server.URL)}).Keys(t.Context(), "1", jwa.EdDSA()); err != nil {
				t.Error(err)
			}
		})
	}
}

// broken is a storage that fails.
type broken struct{}

func (broken) Load(context.Context) ([]byte, error) { return nil, errors.New("no disk") }
func (broken) Save(context.Context, []byte) error   { return errors.New("no disk") }

// written is a storage that somebody else has written to.
type written string

func (w written) Load(context.Context) ([]byte, error) { return []byte(w), nil }
func (written) Save(context.Context, []byte) error     { return nil }

func TestUnusableStorageIsLoggedAndIgnored(t *testing.T) {
	for name, storage := range map[string]jwks.Storage{"broken": broken{}, "not JSON": written("{"), "no keys": written(`{"url":"URL","fetched":"2026-01-01T00:00:00Z"}`)} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, "")
			if text, ok := storage.(written); ok {
				storage = written(strings.ReplaceAll(string(text), "URL", server.URL))
			}
			var l log
			now := func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }
			s := jwks.New(jwks.Options{URL: server.URL, Storage: storage, Logger: l.logger(), Now: now})
			if _, err := s.Keys(t.Context(), "1", jwa.EdDSA()); !errors.Is(err, jwks.ErrUnavailable) {
				t.Errorf("got error %v", err)
			}
			if text := strings.Join(l.lines(), "\n"); !strings.Contains(text, "could not load the saved signing keys") {
				t.Errorf("logged %s", text)
			}
		})
	}
	var l log
	server := serve(t, set(publicKey(t, newEd25519(t), map[string]any{"kid": "1"})))
	s := jwks.New(jwks.Options{URL: server.URL, Storage: broken{}, Logger: l.logger()})
	if _, err := s.Keys(t.Context(), "1", jwa.EdDSA()); err != nil {
		t.Error(err)
	}
	if text := strings.Join(l.lines(), "\n"); !strings.Contains(text, "could not save the signing keys") {
		t.Errorf("logged %s", text)
	}
}

// Whoever can write to Redis but does not know the secret cannot add a key.
func TestKeysInRedisAreProtected(t *testing.T) {
	mini := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: mini.Addr()})
	defer client.Close()
	attacker := publicKey(t, newEd25519(t), map[string]any{"kid": "attacker"})
	evil := serve(t, set(attacker))
	defer evil.Close()
	s := jwks.New(jwks.Options{URL: evil.URL, Storage: jwks.Redis(client, "", "another secret", evil.URL)})
	if _, err := s.Keys(t.Context(), "attacker", jwa.EdDSA()); err != nil {
		t.Fatal(err)
	}
	evil.publish("")
	victim := func() error {
		_, err := jwks.New(jwks.Options{URL: evil.URL, Storage: jwks.Redis(client, "", "the secret", evil.URL)}).Keys(t.Context(), "attacker", jwa.EdDSA())
		return err
	}
	if err := victim(); !errors.Is(err, jwks.ErrUnavailable) {
		t.Errorf("with the code of another secret: got error %v", err)
	}
	for _, key := range mini.Keys() {
		text, err := mini.Get(key)
		if err != nil {
			t.Fatal(err)
		}
		for _, forged := range []string{text[32:], "", text[:10]} {
			if err := mini.Set(key, forged); err != nil {
				t.Fatal(err)
			}
			if err := victim(); !errors.Is(err, jwks.ErrUnavailable) {
				t.Errorf("with %d bytes: got error %v", len(forged), err)
			}
		}
	}
}

// An issuer that publishes a private key does not get it written to a disk.
func TestOnlyPublicKeysAreSaved(t *testing.T) {
	private := newEd25519(t)
	key, err := jwk.Import(private)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	server := serve(t, set(string(text), publicKey(t, newEd25519(t), map[string]any{"kid": "1"})))
	s := jwks.New(jwks.Options{URL: server.URL, Storage: jwks.File(directory, server.URL)})
	if _, err := s.Keys(t.Context(), "1", jwa.EdDSA()); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(directory)
	if err != nil || len(files) != 1 {
		t.Fatalf("got files %v, err %v", files, err)
	}
	saved, err := os.ReadFile(filepath.Join(directory, files[0].Name()))
	if err != nil || strings.Contains(string(saved), `"d":`) || !strings.Contains(string(saved), `"kid":"1"`) {
		t.Errorf("saved %s, %v", saved, err)
	}
	if info, err := files[0].Info(); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
}

// memory is a storage that can lose what it has.
type memory struct {
	mu       sync.Mutex
	document []byte
	saves    int
}

func (m *memory) Load(context.Context) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.document, nil
}

func (m *memory) Save(_ context.Context, document []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.document, m.saves = document, m.saves+1
	return nil
}

func (m *memory) set(document []byte) (saves int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.document = document
	return m.saves
}

// A copy that is lost, spoilt or replaced by an older one is soon there again,
// also while the issuer is unavailable, as old as its keys are.
func TestKeepSavesALostCopyAgain(t *testing.T) {
	document := set(publicKey(t, newEd25519(t), map[string]any{"kid": "1"}))
	synctest.Test(t, func(t *testing.T) {
		away, fetches := false, 0
		issuer := roundTrip(func(*http.Request) (*http.Response, error) {
			if fetches++; away {
				return nil, errors.New("away")
			}
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(document))}, nil
		})
		var storage memory
		start := func() *jwks.Set {
			return jwks.New(jwks.Options{URL: "http://issuer/keys", Client: &http.Client{Transport: issuer}, Storage: &storage})
		}
		s := start()
		ctx, cancel := context.WithCancel(t.Context())
		var work sync.WaitGroup
		work.Go(func() {
			if err := s.Keep(ctx); err != nil {
				t.Error(err)
			}
		})
		defer work.Wait()
		defer cancel()
		time.Sleep(time.Minute)
		if storage.set(nil) != 0 {
			t.Error("saved keys before there were any")
		}
		if _, err := s.Keys(t.Context(), "1", jwa.EdDSA()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		good, _ := storage.Load(t.Context())
		if saves := storage.set(good); saves != 1 || fetches != 1 {
			t.Fatalf("%d saves after %d fetches, want 1 after 1", saves, fetches)
		}
		away = true
		older := strings.Replace(string(good), `"fetched":"2000`, `"fetched":"1999`, 1)
		for name, lost := range map[string][]byte{"lost": nil, "spoilt": []byte("{"), "older": []byte(older)} {
			storage.set(lost)
			time.Sleep(16 * time.Second)
			if got, _ := storage.Load(t.Context()); string(got) != string(good) {
				t.Errorf("%s: the copy is %s, want %s", name, got, good)
			}
		}
		if _, err := start().Keys(t.Context(), "1", jwa.EdDSA()); err != nil {
			t.Errorf("a new process: %v", err)
		}
		time.Sleep(24 * time.Hour) // the keys are too old
		before := storage.set(nil)
		time.Sleep(time.Hour)
		if storage.set(nil) != before {
			t.Error("saved keys that are too old")
		}
	})
}

// Processes with different secrets keep their copies apart, and a copy that Redis
// has lost is written by the next fetch.
func TestCopiesInRedisAreKeptForEachSecret(t *testing.T) {
	server, redisServer := serve(t, set(publicKey(t, newEd25519(t), map[string]any{"kid": "1"}))), miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: redisServer.Addr()})
	t.Cleanup(func() { client.Close() })
	var c clock
	start := func(secret string) *jwks.Set {
		return jwks.New(jwks.Options{URL: server.URL, Now: c.now, Storage: jwks.Redis(client, "", secret, server.URL)})
	}
	use := func(s *jwks.Set) {
		t.Helper()
		if _, err := s.Keys(t.Context(), "1", jwa.EdDSA()); err != nil {
			t.Error(err)
		}
	}
	c.advance(time.Hour)
	router, service := start("of the router"), start("of the services")
	use(router)
	use(service)
	redisServer.FlushAll()
	c.advance(jwks.DefaultRefresh)
	for _, s := range []*jwks.Set{router, service} {
		use(s)
		if _, err := s.Keys(t.Context(), "none", jwa.EdDSA()); !errors.Is(err, jwks.ErrUnknownKey) { // waits for the refresh
			t.Error(err)
		}
	}
	server.publish("")
	use(start("of the router"))
	use(start("of the services"))
	if _, err := start("of a stranger").Keys(t.Context(), "1", jwa.EdDSA()); !errors.Is(err, jwks.ErrUnavailable) {
		t.Errorf("with another secret: got error %v, want ErrUnavailable", err)
	}
}
