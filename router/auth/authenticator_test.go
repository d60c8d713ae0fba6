package auth_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"souk/router/auth"
)

// issuer is a server that publishes signing keys.
type issuer struct {
	*httptest.Server
	t testing.TB

	mu      sync.Mutex
	public  jwk.Set
	private map[string]jwk.Key
	fetches int
	down    bool
}

func newIssuer(t testing.TB) *issuer {
	i := &issuer{t: t, public: jwk.NewSet(), private: map[string]jwk.Key{}}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.fetches++
		if i.down {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		_ = json.NewEncoder(w).Encode(i.public)
	}))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) add(id string, raw any, algorithm jwa.SignatureAlgorithm) {
	i.t.Helper()
	key, err := jwk.Import(raw)
	if err != nil {
		i.t.Fatal(err)
	}
	_ = key.Set(jwk.KeyIDKey, id)
	_ = key.Set(jwk.AlgorithmKey, algorithm)
	public, err := jwk.PublicKeyOf(key)
	if err != nil {
		i.t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.private[id] = key
	_ = i.public.AddKey(public)
}

// withdraw removes the public key.
func (i *issuer) withdraw(id string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if key, ok := i.public.LookupKeyID(id); ok {
		_ = i.public.RemoveKey(key)
	}
}

var start = time.Unix(1_800_000_000, 0)

// token signs claims with a key; the default claims are valid.
func (i *issuer) token(id string, change func(*jwt.Builder) *jwt.Builder) string {
	i.t.Helper()
	b := jwt.NewBuilder().Issuer("https://id.example").Audience([]string{"shop"}).Subject("42").Expiration(start.Add(time.Hour)).
		Claim("scope", "read write").Claim("roles", []string{"ADMIN"})
	if change != nil {
		b = change(b)
	}
	token, err := b.Build()
	if err != nil {
		i.t.Fatal(err)
	}
	key := i.private[id]
	algorithm, _ := key.Algorithm()
	signed, err := jwt.Sign(token, jwt.WithKey(algorithm, key))
	if err != nil {
		i.t.Fatal(err)
	}
	return string(signed)
}

// signed makes a token with an arbitrary payload.
func (i *issuer) signed(id, payload string) string {
	i.t.Helper()
	key := i.private[id]
	algorithm, _ := key.Algorithm()
	token, err := jws.Sign([]byte(payload), jws.WithKey(algorithm, key))
	if err != nil {
		i.t.Fatal(err)
	}
	return string(token)
}

func keys(t testing.TB, i *issuer) {
	t.Helper()
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i.add("ed", ed, jwa.EdDSA())
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i.add("ec", ec, jwa.ES256())
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i.add("rsa", r, jwa.RS256())
}

type fixture struct {
	*issuer
	authenticator *auth.Authenticator
	now           time.Time
	mu            sync.Mutex
}

func newFixture(t testing.TB, change func(*auth.Options)) *fixture {
	t.Helper()
	f := &fixture{issuer: newIssuer(t), now: start}
	keys(t, f.issuer)
	o := auth.Options{
		Sources: []auth.Source{{URL: f.URL, Issuers: []string{"https://old.example", "https://id.example"}, Audiences: []string{"shop", "other"}}},
		Leeway:  30 * time.Second,
		Now: func() time.Time {
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.now
		},
	}
	if change != nil {
		change(&o)
	}
	a, err := auth.New(o)
	if err != nil {
		t.Fatal(err)
	}
	f.authenticator = a
	return f
}

func (f *fixture) advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

// call sends a request through the middleware and returns the response and the
// caller that the handler saw.
func (f *fixture) call(header http.Header) (*httptest.ResponseRecorder, *auth.Caller) {
	var seen *auth.Caller
	h := f.authenticator.Middleware(reject)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = auth.From(r.Context()) }))
	w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/graphql", nil)
	r.Header = header
	h.ServeHTTP(w, r)
	return w, seen
}

func reject(w http.ResponseWriter, _ *http.Request, status int, code, message string) {
	w.WriteHeader(status)
	fmt.Fprintln(w, code, message)
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

func TestOnlyValidTokensAreAccepted(t *testing.T) {
	f := newFixture(t, nil)
	other := newIssuer(t)
	keys(t, other)
	good := f.token("ed", nil)
	parts := strings.Split(good, ".")
	claims := func(change func(*jwt.Builder) *jwt.Builder) http.Header { return bearer(f.token("ed", change)) }
	unsigned, err := jwt.Sign(jwt.New(), jwt.WithInsecureNoSignature())
	if err != nil {
		t.Fatal(err)
	}
	// A token signed with the public key as if it were a shared secret.
	public, _ := f.public.LookupKeyID("rsa")
	pem, err := jwk.Pem(public)
	if err != nil {
		t.Fatal(err)
	}
	confused := jws.NewHeaders()
	_ = confused.Set(jws.KeyIDKey, "rsa")
	hmac, err := jwt.Sign(jwt.New(), jwt.WithKey(jwa.HS256(), pem, jws.WithProtectedHeaders(confused)))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		header http.Header
		want   string // "ok", "nobody" (anonymous) or a part of the message
	}{
		{name: "EdDSA", header: bearer(good), want: "ok"},
		{name: "ES256", header: bearer(f.token("ec", nil)), want: "ok"},
		{name: "RS256", header: bearer(f.token("rsa", nil)), want: "ok"},
		{name: "lower-case scheme", header: http.Header{"Authorization": {"bearer " + good}}, want: "ok"},
		{name: "within the leeway", header: claims(func(b *jwt.Builder) *jwt.Builder { return b.Expiration(start.Add(-20 * time.Second)) }), want: "ok"},
		{name: "none", header: http.Header{}, want: "nobody"},
		{name: "before nbf, within the leeway", header: claims(func(b *jwt.Builder) *jwt.Builder { return b.NotBefore(start.Add(20 * time.Second)) }), want: "ok"},
		{name: "surrounding white space", header: http.Header{"Authorization": {"  Bearer   " + good + " "}}, want: "ok"},
		{name: "an empty header", header: http.Header{"Authorization": {""}}, want: "nobody"},
		{name: "another scheme", header: http.Header{"Authorization": {"Basic YTpi"}}, want: "nobody"},
		{name: "no scheme", header: http.Header{"Authorization": {good}}, want: "Invalid access token: send it as Authorization: Bearer <token>."},
		{name: "two", header: http.Header{"Authorization": {"Bearer " + good, "Bearer " + good}}, want: "the request has the header Authorization more than once"},
		{name: "two with different schemes", header: http.Header{"Authorization": {"Basic YTpi", "Bearer " + good}}, want: "the request has the header Authorization more than once"},
		{name: "expired", header: claims(func(b *jwt.Builder) *jwt.Builder { return b.Expiration(start.Add(-time.Minute)) }), want: "it has expired (exp)"},
		{name: "without an expiry", header: claims(func(_ *jwt.Builder) *jwt.Builder { return jwt.NewBuilder().Issuer("https://id.example").Subject("42") }), want: "it has no expiry (exp)"},
		{name: "an expiry that is not a time", header: bearer(f.signed("ed", `{"iss":"https://id.example","aud":"shop","sub":"42","exp":1e300}`)), want: "Invalid access token: it"},
		{name: "a string as expiry", header: bearer(f.signed("ed", `{"iss":"https://id.example","aud":"shop","sub":"42","exp":"never"}`)), want: "its claims are not valid"},
		{name: "a number as subject", header: bearer(f.signed("ed", `{"iss":"https://id.example","aud":"shop","sub":42,"exp":4102444800}`)), want: "its claims are not valid"},
		{name: "claims that are a list", header: bearer(f.signed("ed", `[1]`)), want: "its claims are not valid"},
		{name: "one of several audiences", header: claims(func(b *jwt.Builder) *jwt.Builder { return b.Audience([]string{"bank", "other"}) }), want: "ok"},
		{name: "no audience", header: claims(func(b *jwt.Builder) *jwt.Builder { return b.Audience(nil) }), want: "it is for another audience (aud)"},
		{name: "issued in the future", header: claims(func(b *jwt.Builder) *jwt.Builder { return b.IssuedAt(start.Add(time.Minute)) }), want: "it was issued in the future (iat)"},
		{name: "not valid yet", header: claims(func(b *jwt.Builder) *jwt.Builder { return b.NotBefore(start.Add(time.Minute)) }), want: "it is not valid yet (nbf)"},
		{name: "another issuer", header: claims(func(b *jwt.Builder) *jwt.Builder { return b.Issuer("https://evil.example") }), want: "its issuer is not trusted (iss)"},
		{name: "another audience", header: claims(func(b *jwt.Builder) *jwt.Builder { return b.Audience([]string{"bank"}) }), want: "it is for another audience (aud)"},
		{name: "another key with the same ID", header: bearer(other.token("ed", nil)), want: "its signature is wrong"},
		{name: "changed claims", header: bearer(parts[0] + "." + parts[1][:len(parts[1])-2] + "AA." + parts[2]), want: "its signature is wrong"},
		{name: "unsigned", header: bearer(string(unsigned)), want: "its signature algorithm is not accepted"},
		{name: "the public key as an HMAC secret", header: bearer(string(hmac)), want: "its signature algorithm is not accepted"},
		{name: "not a JWT", header: bearer("hello"), want: "it is not a signed JWT"},
		{name: "empty", header: bearer(""), want: "Invalid access token: it is empty."},
		{name: "huge", header: bearer(strings.Repeat("x", 20_000)), want: "it is longer than 16384 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, caller := f.call(tt.header)
			switch tt.want {
			case "ok":
				if w.Code != 200 || caller == nil || caller.Subject != "42" {
					t.Errorf("got status %d, caller %v, %s", w.Code, caller, w.Body)
				}
			case "nobody":
				if w.Code != 200 || caller != nil {
					t.Errorf("got status %d, caller %v, %s", w.Code, caller, w.Body)
				}
			default:
				if w.Code != 401 || !strings.Contains(w.Body.String(), auth.CodeUnauthenticated) || !strings.Contains(w.Body.String(), tt.want) {
					t.Errorf("got status %d, %s", w.Code, w.Body)
				}
				if got := w.Header().Get("WWW-Authenticate"); got != `Bearer error="invalid_token"` {
					t.Errorf("WWW-Authenticate = %s", got)
				}
			}
		})
	}
}

func TestCallerHasTheClaimsOfItsToken(t *testing.T) {
	f := newFixture(t, nil)
	_, c := f.call(bearer(f.token("ed", nil)))
	if c == nil || strings.Join(c.Scopes, " ") != "read write" || strings.Join(c.Roles, " ") != "ADMIN" || c.Issuer != "https://id.example" || c.Claims["sub"] != "42" {
		t.Errorf("got caller %+v", c)
	}
	if c.Scope() == "" || (*auth.Caller)(nil).Scope() != "" || (&auth.Caller{Issuer: "a", Subject: "42"}).Scope() == c.Scope() {
		t.Error("Scope() does not distinguish callers")
	}
	again, err := f.authenticator.Authenticate(t.Context(), bearer(f.token("ed", nil)))
	if err != nil || again != c {
		t.Errorf("a verified token is not cached: got error %v", err)
	}
	f.advance(2 * time.Hour)
	if _, err := f.authenticator.Authenticate(t.Context(), bearer(f.token("ed", nil))); err == nil {
		t.Error("a verified token is accepted after its expiry")
	}
}

func TestMissingRequiredTokenIsRejected(t *testing.T) {
	f := newFixture(t, func(o *auth.Options) { o.Required = true })
	for _, header := range []http.Header{{}, {"Authorization": {"Basic YTpi"}}} {
		w, _ := f.call(header)
		if w.Code != 401 || w.Header().Get("WWW-Authenticate") != "Bearer" || !strings.Contains(w.Body.String(), "Missing access token. Send Authorization: Bearer <token>.") {
			t.Errorf("%v: got status %d, headers %v, %s", header, w.Code, w.Header(), w.Body)
		}
	}
}

// A caller expires with its token, including the leeway.
func TestCallerExpiresWithItsToken(t *testing.T) {
	f := newFixture(t, nil)
	_, c := f.call(bearer(f.token("ed", nil)))
	for _, step := range []struct {
		after time.Duration
		want  bool
	}{
		{after: -time.Hour, want: false},
		{after: 29 * time.Second, want: false},
		{after: 30 * time.Second, want: true},
	} {
		if got := c.Expired(c.Expires.Add(step.after), 30*time.Second); got != step.want {
			t.Errorf("%s after the expiry: expired = %t", step.after, got)
		}
	}
	for name, c := range map[string]*auth.Caller{"an anonymous caller": nil, "a caller without an end": {Subject: "1"}} {
		if c.Expired(time.Now(), 0) {
			t.Errorf("%s expires", name)
		}
	}
}

func TestUnknownKeysAreFetchedSeldom(t *testing.T) {
	f := newFixture(t, nil)
	f.call(bearer(f.token("ed", nil)))
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	f.add("new", ed, jwa.EdDSA())
	token := f.token("new", nil)
	for range 5 {
		if w, _ := f.call(bearer(token)); w.Code != 401 {
			t.Errorf("first request: got status %d", w.Code)
		}
	}
	if f.fetches != 1 {
		t.Errorf("%d fetches, want 1", f.fetches)
	}
	f.advance(10 * time.Second)
	if w, _ := f.call(bearer(token)); w.Code != 200 {
		t.Errorf("later request: got status %d", w.Code)
	}
	if f.fetches != 2 {
		t.Errorf("%d fetches, want 2", f.fetches)
	}
}

func TestUnreachableKeysAreUnavailable(t *testing.T) {
	f := newFixture(t, nil)
	token := f.token("ed", nil)
	f.down = true
	w, _ := f.call(bearer(token))
	if w.Code != 503 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), auth.CodeUnavailable) {
		t.Errorf("got status %d, headers %v, %s", w.Code, w.Header(), w.Body)
	}
	f.down = false
	f.advance(time.Second)
	if w, _ := f.call(bearer(token)); w.Code != 200 {
		t.Errorf("after the key server recovered: got status %d", w.Code)
	}
	f.down = true
	f.advance(20 * time.Minute)
	if w, _ := f.call(bearer(token)); w.Code != 200 {
		t.Errorf("with cached keys: got status %d", w.Code)
	}
}

// A token that was verified is not accepted for longer than the keys may be old.
func TestVerifiedTokensEndWithTheAgeOfKeys(t *testing.T) {
	f := newFixture(t, func(o *auth.Options) { o.Sources[0].Refresh = 2 * time.Second })
	token := f.token("ed", nil)
	if w, _ := f.call(bearer(token)); w.Code != 200 {
		t.Fatalf("got status %d", w.Code)
	}
	before := f.fetches
	f.withdraw("ed")
	f.advance(14 * time.Second)
	if w, _ := f.call(bearer(token)); w.Code != 401 || f.fetches != before+1 {
		t.Errorf("got status %d after %d fetches", w.Code, f.fetches-before)
	}
}

func TestNewRejectsInvalidOptions(t *testing.T) {
	for want, o := range map[string]auth.Options{
		"no JWKS is configured":          {},
		"a JWKS has no url":              {Sources: []auth.Source{{}}},
		`"HS256" is not supported; use `: {Sources: []auth.Source{{URL: "http://x"}}, Algorithms: []string{"HS256"}},
		`"none" is not supported; use R`: {Sources: []auth.Source{{URL: "http://x"}}, Algorithms: []string{"none"}},
		`"ROT13" is not supported; use `: {Sources: []auth.Source{{URL: "http://x"}}, Algorithms: []string{"ROT13"}},
	} {
		if _, err := auth.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %s", err, want)
		}
	}
}
