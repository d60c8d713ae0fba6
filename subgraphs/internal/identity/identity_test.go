package identity_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"souk/jwks"
	"souk/subgraphs/internal/identity"
)

// issuer is a user service: its keys by URL, and tokens signed with them.
type issuer struct {
	t       *testing.T
	keys    map[string]jwk.Key
	down    atomic.Bool
	fetches atomic.Int64
	url     string
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{t: t, keys: map[string]jwk.Key{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		i.fetches.Add(1)
		if i.down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		set := jwk.NewSet()
		for _, key := range i.keys {
			public, err := key.PublicKey()
			if err != nil {
				t.Error(err)
			}
			if err := set.AddKey(public); err != nil {
				t.Error(err)
			}
		}
		_ = json.NewEncoder(w).Encode(set)
	}))
	t.Cleanup(server.Close)
	i.url = server.URL
	return i
}

func (i *issuer) add(id string, raw any, algorithm jwa.SignatureAlgorithm) {
	i.t.Helper()
	key, err := jwk.Import(raw)
	if err != nil {
		i.t.Fatal(err)
	}
	for name, value := range map[string]any{jwk.KeyIDKey: id, jwk.AlgorithmKey: algorithm} {
		if err := key.Set(name, value); err != nil {
			i.t.Fatal(err)
		}
	}
	i.keys[id] = key
}

func (i *issuer) addEd25519(id string) {
	i.t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	i.add(id, private, jwa.EdDSA())
}

// sign returns a token; edit changes its claims.
func (i *issuer) sign(id string, now time.Time, edit func(*jwt.Builder)) string {
	i.t.Helper()
	builder := jwt.NewBuilder().Issuer("souk").Audience([]string{"souk"}).Subject("7").
		IssuedAt(now).Expiration(now.Add(time.Minute)).Claim("roles", []string{"CUSTOMER"})
	if edit != nil {
		edit(builder)
	}
	token, err := builder.Build()
	if err != nil {
		i.t.Fatal(err)
	}
	algorithm, _ := i.keys[id].Algorithm()
	signed, err := jwt.Sign(token, jwt.WithKey(algorithm, i.keys[id]))
	if err != nil {
		i.t.Fatal(err)
	}
	return string(signed)
}

func header(name, value string) http.Header {
	h := http.Header{}
	if name != "" {
		h.Set(name, value)
	}
	return h
}

func TestCallerFollowsTheToken(t *testing.T) {
	now := time.Date(2026, 11, 24, 4, 0, 0, 0, time.UTC)
	i := newIssuer(t)
	i.addEd25519("ed")
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i.add("rsa", rsaKey, jwa.RS256())
	i.add("hmac", []byte("a secret that was published by mistake"), jwa.HS256())
	other := newIssuer(t)
	other.addEd25519("ed") // another key of the same name

	clock := func() time.Time { return now }
	expires := now.Add(time.Minute)
	someone := identity.Caller{UserID: "7", Roles: []string{"CUSTOMER"}, Expires: expires}
	admin := identity.Caller{UserID: "7", Roles: []string{"ADMIN"}, Expires: expires}
	ofSession := identity.Caller{UserID: "7", Roles: []string{"CUSTOMER"}, Session: "s1", Expires: expires}
	nobody := identity.Caller{Anonymous: true}
	for _, c := range []struct {
		name string
		h    http.Header
		want identity.Caller
	}{
		{name: "no token", h: header("", ""), want: identity.Caller{Anonymous: true, Tutorial: true}},
		{name: "a good token", h: header("Authorization", "Bearer "+i.sign("ed", now, nil)), want: someone},
		{name: "of an RSA key", h: header("Authorization", "bearer "+i.sign("rsa", now, nil)), want: someone},
		{name: "an administrator's", h: header("Authorization", "Bearer "+i.sign("ed", now, func(b *jwt.Builder) { b.Claim("roles", []string{"ADMIN"}) })), want: admin},
		{name: "of a session", h: header("Authorization", "Bearer "+i.sign("ed", now, func(b *jwt.Builder) { b.Claim("sid", "s1") })), want: ofSession},
		{name: "an expired one", h: header("Authorization", "Bearer "+i.sign("ed", now.Add(-2*time.Minute), nil)), want: nobody},
		{name: "a future one", h: header("Authorization", "Bearer "+i.sign("ed", now, func(b *jwt.Builder) { b.NotBefore(now.Add(time.Hour)) })), want: nobody},
		{name: "of another issuer", h: header("Authorization", "Bearer "+i.sign("ed", now, func(b *jwt.Builder) { b.Issuer("bazaar") })), want: nobody},
		{name: "for another audience", h: header("Authorization", "Bearer "+i.sign("ed", now, func(b *jwt.Builder) { b.Audience([]string{"bazaar"}) })), want: nobody},
		{name: "without a subject", h: header("Authorization", "Bearer "+i.sign("ed", now, func(b *jwt.Builder) { b.Subject("") })), want: nobody},
		{name: "signed by somebody else", h: header("Authorization", "Bearer "+other.sign("ed", now, nil)), want: nobody},
		{name: "signed with a shared secret", h: header("Authorization", "Bearer "+i.sign("hmac", now, nil)), want: nobody},
		{name: "no token at all", h: header("Authorization", "Bearer "), want: nobody},
		{name: "another scheme", h: header("Authorization", "Basic YTpi"), want: nobody},
		{name: "a service", h: header("Souk-Service-Token", "let me in"), want: identity.Caller{Service: true}},
		{name: "no service", h: header("Souk-Service-Token", "let me"), want: nobody},
	} {
		a := &identity.Authenticator{
			Keys: jwks.New(jwks.Options{URL: i.url, Now: clock}), ServiceToken: "let me in",
			Tutorial: true, Now: clock, Logger: slog.New(slog.DiscardHandler),
		}
		if got, err := a.Caller(t.Context(), c.h); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, err %v, want %+v", c.name, got, err, c.want)
		}
	}
	closed := &identity.Authenticator{Logger: slog.New(slog.DiscardHandler)}
	if got, err := closed.Caller(t.Context(), header("Souk-Service-Token", "")); err != nil || got.Service || got.Tutorial {
		t.Errorf("without a service token: got %+v", got)
	}
}

func TestRightsFollowTheCaller(t *testing.T) {
	for _, c := range []struct {
		caller           identity.Caller
		own, other, rule bool
	}{
		{caller: identity.Caller{UserID: "7"}, own: true, other: false, rule: false},
		{caller: identity.Caller{UserID: "7", Roles: []string{"ADMIN"}}, own: true, other: true, rule: true},
		{caller: identity.Caller{Anonymous: true}, own: false, other: false, rule: false},
		{caller: identity.Caller{Anonymous: true, Tutorial: true}, own: true, other: true, rule: true},
		{caller: identity.System(), own: true, other: true, rule: true},
		{caller: identity.Caller{}, own: false, other: false, rule: false},
	} {
		if own, other, rule := c.caller.MaySee("7"), c.caller.MaySee("8"), c.caller.IsAdmin(); own != c.own || other != c.other || rule != c.rule {
			t.Errorf("%+v: got own %t, other %t, rule %t", c.caller, own, other, rule)
		}
	}
	if (identity.Caller{}).MaySee("") {
		t.Error("nobody may see what belongs to nobody")
	}
}

// The sender of a token that cannot be verified may be anyone, so the response
// is 503, also in tutorial mode. With cached keys, callers are still
// identified while the user service is unavailable.
func TestTokenThatCannotBeVerifiedIsUnavailable(t *testing.T) {
	now := time.Date(2026, 11, 24, 4, 0, 0, 0, time.UTC)
	i := newIssuer(t)
	i.addEd25519("ed")
	i.down.Store(true)
	clock := func() time.Time { return now }
	a := &identity.Authenticator{
		Keys:     jwks.New(jwks.Options{URL: i.url, Now: clock}),
		Tutorial: true, Now: clock, Logger: slog.New(slog.DiscardHandler),
	}
	asked := 0
	h := a.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked++
		if caller := identity.From(r.Context()); caller.UserID != "7" {
			t.Errorf("got caller %+v", caller)
		}
	}))
	call := func() *httptest.ResponseRecorder {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/graphql", nil)
		r.Header = header("Authorization", "Bearer "+i.sign("ed", now, nil))
		h.ServeHTTP(w, r)
		return w
	}
	w := call()
	var body struct {
		Errors []struct {
			Message    string
			Extensions struct{ Code string }
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || len(body.Errors) != 1 || body.Errors[0].Extensions.Code != "AUTHENTICATION_UNAVAILABLE" {
		t.Errorf("got %s, err %v", w.Body, err)
	}
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || asked != 0 {
		t.Errorf("got status %d, headers %v, after %d requests for keys", w.Code, w.Header(), asked)
	}
	i.down.Store(false)
	now = now.Add(time.Second)
	if w := call(); w.Code != http.StatusOK || asked != 1 {
		t.Errorf("with keys: got status %d, %s", w.Code, w.Body)
	}
	i.down.Store(true)
	now = now.Add(time.Hour)
	if w := call(); w.Code != http.StatusOK || asked != 2 {
		t.Errorf("with the last valid keys: got status %d, %s", w.Code, w.Body)
	}
}
