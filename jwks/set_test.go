package jwks_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"

	"souk/internal/outputtest"
	"souk/jwks"
)

// publicKey returns the JWK of a public key with additional members.
func publicKey(t testing.TB, private crypto.Signer, members map[string]any) string {
	t.Helper()
	key, err := jwk.Import(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range members {
		if err := key.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func newEC(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newRSA(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newEd25519(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// A server publishes a JWK Set that can change.
type server struct {
	*httptest.Server
	document atomic.Pointer[string]
	fetches  atomic.Int64
	hold     chan struct{} // if not nil, a response waits for a value
}

func serve(t testing.TB, document string) *server {
	t.Helper()
	s := &server{}
	s.document.Store(&document)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.fetches.Add(1)
		if s.hold != nil {
			<-s.hold
		}
		text := *s.document.Load()
		if text == "" {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		_, _ = w.Write([]byte(text))
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) publish(document string) { s.document.Store(&document) }

type log struct{ outputtest.Buffer }

func (l *log) lines() []string { return strings.Split(strings.TrimSuffix(l.String(), "\n"), "\n") }

func (l *log) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func set(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

// TestUnusableKeysAreSkipped checks that a key that is not understood is skipped and
// logged, and that the other keys are used (RFC 7517, section 5).
func TestUnusableKeysAreSkipped(t *testing.T) {
	good := publicKey(t, newEC(t, elliptic.P256()), map[string]any{"kid": "good", "alg": "ES256", "use": "sig"})
	var x struct{ X string }
	if err := json.Unmarshal([]byte(good), &x); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, key string
		// logged is a part of the log line; empty if nothing is logged.
		logged string
	}{
		{name: "secp256k1", key: `{"kty":"EC","crv":"secp256k1","kid":"odd","x":"AA","y":"AA"}`, logged: "odd"},
		{name: "ML-DSA", key: `{"kty":"AKP","kid":"odd","alg":"ML-DSA-65","pub":"AA"}`, logged: "odd"},
		{name: "unknown algorithm", key: `{"kty":"EC","crv":"P-256","kid":"odd","alg":"XY1024","x":"` + x.X + `","y":"` + x.X + `"}`, logged: "odd"},
		{name: "algorithm of another type", key: strings.Replace(good, `"ES256"`, `"RS256"`, 1), logged: "good"},
		{name: "RSA without n", key: `{"kty":"RSA","kid":"odd","e":"AQAB"}`, logged: "odd"},
		{name: "RSA too short", key: `{"kty":"RSA","kid":"odd","e":"AQAB","n":"` + strings.Repeat("A", 86) + `"}`, logged: "odd"},
		{name: "point off the curve", key: `{"kty":"EC","crv":"P-256","kid":"odd","x":"` + x.X + `","y":"` + x.X + `"}`, logged: "odd"},
		{name: "Ed25519 too short", key: `{"kty":"OKP","crv":"Ed25519","kid":"odd","x":"AA"}`, logged: "odd"},
		{name: "X25519", key: `{"kty":"OKP","crv":"X25519","kid":"odd","alg":"EdDSA","x":"` + x.X + `"}`, logged: "odd"},
		{name: "shared secret", key: `{"kty":"oct","kid":"odd","k":"c2VjcmV0"}`, logged: "symmetric"},
		{name: "null", key: `null`, logged: "keys[0]: the key is null"},
		{name: "a number", key: `7`, logged: "keys[0]"},
		{name: "a list", key: `[]`, logged: "keys[0]"},
		{name: "no type", key: `{}`, logged: "keys[0]"},
		{name: "key ID is a number", key: `{"kty":"RSA","kid":7}`, logged: "keys[0]"},
		{name: "for encryption", key: `{"kty":"RSA","kid":"odd","use":"enc","e":"AQAB"}`, logged: ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, document := range []string{set(c.key, good), set(good, c.key), set(c.key, good, c.key)} {
				if c.name == "algorithm of another type" { // its key ID equals that of good
					document = set(c.key, strings.Replace(good, "good", "other", 1))
				}
				var l log
				s := jwks.New(jwks.Options{URL: serve(t, document).URL, Logger: l.logger()})
				keys, err := s.Keys(t.Context(), "", jwa.ES256())
				if err != nil || len(keys) != 1 {
					t.Fatalf("%d keys, %v", len(keys), err)
				}
				lines := l.lines()
				if c.logged == "" {
					if lines[0] != "" {
						t.Errorf("logged %q", lines)
					}
				} else if len(lines) != 1 || !strings.Contains(lines[0], "level=WARN") || !strings.Contains(lines[0], "skipped unusable signing keys") ||
					document != set(good, c.key) && !strings.Contains(lines[0], c.logged) {
					t.Errorf("logged %q, want %s", lines, c.logged)
				}
			}
		})
	}
}

// TestUnusableSetIsUnavailable checks that a document that is not a JWK Set, or has
// no usable key, leads to ErrUnavailable.
func TestUnusableSetIsUnavailable(t *testing.T) {
	for name, document := range map[string]string{
		"not JSON":        "<html>",
		"no keys":         `{"key":[]}`,
		"keys not a list": `{"keys":{}}`,
		"only odd keys":   set(`{"kty":"AKP","alg":"ML-DSA-65","pub":"AA"}`, "null"),
		"too long":        `{"keys":[],"x":"` + strings.Repeat("x", 1<<20) + `"}`,
		"status":          "",
	} {
		t.Run(name, func(t *testing.T) {
			var l log
			s := jwks.New(jwks.Options{URL: serve(t, document).URL, Logger: l.logger()})
			if _, err := s.Keys(t.Context(), "a", jwa.ES256()); !errors.Is(err, jwks.ErrUnavailable) {
				t.Errorf("error %v", err)
			}
			if lines := l.lines(); !strings.Contains(lines[0], "fetching the signing keys failed") || !strings.Contains(lines[0], "error=") {
				t.Errorf("logged %q", lines)
			}
		})
	}
	s := jwks.New(jwks.Options{URL: serve(t, set()).URL})
	if _, err := s.Keys(t.Context(), "a", jwa.ES256()); !errors.Is(err, jwks.ErrUnknownKey) {
		t.Errorf("an issuer without keys: error %v, want ErrUnknownKey", err)
	}
}

func TestSingleKeyIsAccepted(t *testing.T) {
	s := jwks.New(jwks.Options{URL: serve(t, publicKey(t, newEd25519(t), nil)).URL})
	if keys, err := s.Keys(t.Context(), "", jwa.EdDSA()); err != nil || len(keys) != 1 {
		t.Errorf("%d keys, %v", len(keys), err)
	}
}

// Some servers send a byte order mark before JSON.
func TestByteOrderMarkIsIgnored(t *testing.T) {
	for name, document := range map[string]string{"set": set(publicKey(t, newEd25519(t), nil)), "key": publicKey(t, newEd25519(t), nil)} {
		s := jwks.New(jwks.Options{URL: serve(t, "\ufeff"+document).URL})
		if keys, err := s.Keys(t.Context(), "", jwa.EdDSA()); err != nil || len(keys) != 1 {
			t.Errorf("%s: %d keys, %v", name, len(keys), err)
		}
	}
}

type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(c.at.Load(), 0) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d.Seconds())) }

// TestLastGoodKeysStayInUse checks that keys stay in use while the URL is
// unavailable. A token with another key is then not invalid but cannot be verified.
//
// If fetches are reported, the Set does not log failures itself.
func TestLastGoodKeysStayInUse(t *testing.T) {
	t.Run("logged", func(t *testing.T) { lastGoodKeysStay(t, false) })
	t.Run("reported", func(t *testing.T) { lastGoodKeysStay(t, true) })
}

func lastGoodKeysStay(t *testing.T, reported bool) {
	t.Helper()
	first, second := publicKey(t, newEd25519(t), map[string]any{"kid": "1"}), publicKey(t, newEd25519(t), map[string]any{"kid": "2"})
	var (
		c       clock
		l       log
		reports []error
	)
	server := serve(t, set(first))
	options := jwks.Options{URL: server.URL, Now: c.now, Logger: l.logger()}
	if reported {
		options.Report = func(_ context.Context, err error) { reports = append(reports, err) }
	}
	s := jwks.New(options)
	want := func(id string, want error, fetches int64) {
		t.Helper()
		if _, err := s.Keys(t.Context(), id, jwa.EdDSA()); !errors.Is(err, want) {
			t.Errorf("key %s: error %v, want %v", id, err, want)
		}
		if n := server.fetches.Load(); n != fetches {
			t.Errorf("%d fetches, want %d", n, fetches)
		}
	}
	want("1", nil, 1)
	want("2", jwks.ErrUnknownKey, 1) // too soon for another fetch
	c.advance(jwks.DefaultPause)
	server.publish("")
	want("2", jwks.ErrUnavailable, 2)
	want("2", jwks.ErrUnavailable, 2)
	want("1", nil, 2)
	c.advance(time.Second)
	want("2", jwks.ErrUnavailable, 3)
	server.publish(set(first, second))
	c.advance(time.Second)
	want("2", nil, 4)
	want("3", jwks.ErrUnknownKey, 4)
	lines := l.lines()
	if reported {
		if len(reports) != 4 || reports[0] != nil || reports[1] == nil || reports[3] != nil {
			t.Errorf("reported %v", reports)
		}
		if len(lines) != 1 || lines[0] != "" {
			t.Errorf("logged %q", lines)
		}
		return
	}
	if len(lines) != 2 || !strings.Contains(lines[0], "fetching the signing keys failed") || !strings.Contains(lines[0], "502 Bad Gateway") || !strings.Contains(lines[1], "succeeded again") {
		t.Errorf("logged %q", lines)
	}
}

// TestRefreshDoesNotDelayTokens checks that old keys are used while new ones are
// fetched.
func TestRefreshDoesNotDelayTokens(t *testing.T) {
	var c clock
	server := serve(t, set(publicKey(t, newEd25519(t), map[string]any{"kid": "1"})))
	s := jwks.New(jwks.Options{URL: server.URL, Now: c.now})
	if _, err := s.Keys(t.Context(), "1", jwa.EdDSA()); err != nil {
		t.Fatal(err)
	}
	c.advance(jwks.DefaultRefresh)
	server.hold = make(chan struct{})
	for range 3 {
		if _, err := s.Keys(t.Context(), "1", jwa.EdDSA()); err != nil {
			t.Error(err)
		}
	}
	close(server.hold)
	if _, err := s.Keys(t.Context(), "2", jwa.EdDSA()); !errors.Is(err, jwks.ErrUnknownKey) { // waits for the fetch
		t.Errorf("error %v", err)
	}
	if n := server.fetches.Load(); n != 2 {
		t.Errorf("%d fetches, want 2", n)
	}
}

// A key that was withdrawn while nobody needed the keys is not accepted once more.
func TestKeysThatAreOverdueAreFetchedFirst(t *testing.T) {
	for _, refresh := range []time.Duration{2 * time.Second, time.Hour} {
		var c clock
		server := serve(t, set(publicKey(t, newEd25519(t), map[string]any{"kid": "1"})))
		s := jwks.New(jwks.Options{URL: server.URL, Now: c.now, Refresh: refresh})
		if _, err := s.Keys(t.Context(), "1", jwa.EdDSA()); err != nil {
			t.Fatal(err)
		}
		server.publish("")
		c.advance(refresh + 10*time.Second)
		if _, err := s.Keys(t.Context(), "1", jwa.EdDSA()); err != nil { // the issuer is away
			t.Errorf("%v: error %v", refresh, err)
		}
		server.publish(set(publicKey(t, newEd25519(t), map[string]any{"kid": "2"})))
		c.advance(max(refresh, 10*time.Second))
		if _, err := s.Keys(t.Context(), "2", jwa.EdDSA()); err != nil {
			t.Errorf("%v: error %v", refresh, err)
		}
		server.publish(set(publicKey(t, newEd25519(t), map[string]any{"kid": "3"})))
		c.advance(refresh + 10*time.Second)
		if _, err := s.Keys(t.Context(), "2", jwa.EdDSA()); !errors.Is(err, jwks.ErrUnknownKey) {
			t.Errorf("%v: the withdrawn key gets error %v", refresh, err)
		}
	}
}

func TestWaitingTokensShareOneFetch(t *testing.T) {
	server := serve(t, set(publicKey(t, newEd25519(t), map[string]any{"kid": "1"})))
	server.hold = make(chan struct{})
	s := jwks.New(jwks.Options{URL: server.URL})
	gone, leave := context.WithCancel(t.Context())
	first := make(chan error)
	go func() { // the token that starts the fetch gives up before its end
		_, err := s.Keys(gone, "1", jwa.EdDSA())
		first <- err
	}()
	server.hold <- struct{}{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := s.Keys(t.Context(), "1", jwa.EdDSA()); err != nil {
				t.Error(err)
			}
		})
	}
	leave()
	if err := <-first; err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	all.Wait()
	if n := server.fetches.Load(); n != 1 {
		t.Errorf("%d fetches, want 1", n)
	}
}

// TestHangingIssuerIsUnavailable checks that a token waits for one fetch from an
// issuer that does not respond, and that tokens in the following second do not
// wait.
func TestHangingIssuerIsUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fetches atomic.Int32
		set := jwks.New(jwks.Options{URL: "http://issuer.invalid/jwks", Client: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			fetches.Add(1)
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for i, want := range []time.Duration{5 * time.Second, 0, 0} {
			start := time.Now()
			_, err := set.Keys(ctx, "1", jwa.EdDSA())
			if took := time.Since(start); !errors.Is(err, jwks.ErrUnavailable) || took != want {
				t.Errorf("token %d: %v after %v, want ErrUnavailable after %v", i, err, took, want)
			}
		}
		if n := fetches.Load(); n != 1 {
			t.Errorf("%d fetches, want 1", n)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestMatchFollowsTypeAndRestrictions checks that a key is used only with the
// algorithms of its type and as restricted by alg, use and key_ops.
func TestMatchFollowsTypeAndRestrictions(t *testing.T) {
	keys := jwk.NewSet()
	for id, text := range map[string]string{
		"rsa":     publicKey(t, newRSA(t), map[string]any{"kid": "rsa"}),
		"rs512":   publicKey(t, newRSA(t), map[string]any{"kid": "rs512", "alg": "RS512"}),
		"p256":    publicKey(t, newEC(t, elliptic.P256()), map[string]any{"kid": "p256"}),
		"p384":    publicKey(t, newEC(t, elliptic.P384()), map[string]any{"kid": "p384"}),
		"ed":      publicKey(t, newEd25519(t), map[string]any{"kid": "ed", "alg": "Ed25519"}),
		"enc":     publicKey(t, newRSA(t), map[string]any{"kid": "enc", "use": "enc"}),
		"derives": publicKey(t, newEC(t, elliptic.P256()), map[string]any{"kid": "derives", "key_ops": []string{"deriveKey"}}),
		"signs":   publicKey(t, newEC(t, elliptic.P256()), map[string]any{"kid": "signs", "key_ops": []string{"verify"}}),
	} {
		key, err := jwk.ParseKey([]byte(text))
		if err != nil {
			t.Fatal(id, err)
		}
		if err := keys.AddKey(key); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		id        string
		algorithm jwa.SignatureAlgorithm
		want      int
	}{
		{id: "", algorithm: jwa.RS256(), want: 1}, {id: "", algorithm: jwa.PS256(), want: 1}, {id: "", algorithm: jwa.RS512(), want: 2},
		{id: "", algorithm: jwa.ES256(), want: 2}, {id: "", algorithm: jwa.ES384(), want: 1}, {id: "", algorithm: jwa.ES512(), want: 0},
		{id: "", algorithm: jwa.EdDSA(), want: 1}, {id: "", algorithm: jwa.EdDSAEd25519(), want: 1}, {id: "", algorithm: jwa.HS256(), want: 0}, {id: "", algorithm: jwa.NoSignature(), want: 0},
		{id: "rsa", algorithm: jwa.RS256(), want: 1}, {id: "rsa", algorithm: jwa.ES256(), want: 0}, {id: "rsa", algorithm: jwa.HS256(), want: 0}, {id: "rs512", algorithm: jwa.RS256(), want: 0},
		{id: "enc", algorithm: jwa.RS256(), want: 0}, {id: "derives", algorithm: jwa.ES256(), want: 0}, {id: "signs", algorithm: jwa.ES256(), want: 1}, {id: "nobody", algorithm: jwa.ES256(), want: 0},
	} {
		if got := len(jwks.Match(keys, c.id, c.algorithm)); got != c.want {
			t.Errorf("kid %q, alg %s: %d keys, want %d", c.id, c.algorithm, got, c.want)
		}
	}
}

// The headers of a fetch are not repeated to another host.
func TestHeadersAreForTheHostOfTheURL(t *testing.T) {
	document := set(publicKey(t, newEd25519(t), map[string]any{"kid": "a"}))
	var stolen atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stolen.Store(stolen.Load() || r.Header.Get("X-Api-Key") != "")
		_, _ = io.WriteString(w, document)
	}))
	defer other.Close()
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("X-Api-Key") != "secret":
			http.Error(w, "no key", http.StatusForbidden)
		case r.URL.Path == "/away":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case r.URL.Path == "/here":
			http.Redirect(w, r, "/keys", http.StatusFound)
		default:
			_, _ = io.WriteString(w, document)
		}
	}))
	defer issuer.Close()
	for path, usable := range map[string]bool{"/keys": true, "/here": true, "/away": false} {
		s := jwks.New(jwks.Options{URL: issuer.URL + path, Header: http.Header{"X-Api-Key": {"secret"}}})
		keys, err := s.Keys(t.Context(), "a", jwa.EdDSA())
		if (err == nil && len(keys) == 1) != usable {
			t.Errorf("%s: got %d keys, err %v", path, len(keys), err)
		}
	}
	if stolen.Load() {
		t.Error("another host has got the header")
	}
}
