package router_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"souk/router/compose"
	"souk/router/gateway/config"
)

// issuer serves the key set of a token issuer and returns a function that issues
// a token for a subject.
func issuer(t *testing.T) (jwks string, token func(subject string) string) {
	t.Helper()
	jwks, issue := issuerOfClaims(t)
	return jwks, func(subject string) string { return issue(subject, nil) }
}

// issuerOfClaims is an issuer of tokens with further claims.
func issuerOfClaims(t *testing.T) (jwks string, token func(subject string, claims map[string]any) string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := jwk.Import(public)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := jwk.Import(private)
	if err != nil {
		t.Fatal(err)
	}
	set := jwk.NewSet()
	for _, err := range []error{key.Set(jwk.KeyIDKey, "k"), key.Set(jwk.AlgorithmKey, jwa.EdDSA()), set.AddKey(key), secret.Set(jwk.KeyIDKey, "k")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(set) }))
	t.Cleanup(server.Close)
	return server.URL, func(subject string, claims map[string]any) string {
		builder := jwt.NewBuilder().JwtID(rand.Text()).Subject(subject).Expiration(time.Now().Add(time.Hour))
		for name, value := range claims {
			builder.Claim(name, value)
		}
		made, err := builder.Build()
		if err != nil {
			t.Fatal(err)
		}
		signed, err := jwt.Sign(made, jwt.WithKey(jwa.EdDSA(), secret))
		if err != nil {
			t.Fatal(err)
		}
		return string(signed)
	}
}

// composed composes a supergraph of two subgraphs, "a" and "b".
func composed(t testing.TB, a, b string) string {
	t.Helper()
	const link = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@authenticated", "@external"])` + "\n"
	composed, err := compose.Compose(t.Context(), []compose.Subgraph{
		{Name: "a", URL: "http://a.invalid", SDL: link + a}, {Name: "b", URL: "http://b.invalid", SDL: link + b},
	})
	if err != nil {
		t.Fatal(err)
	}
	return composed.SDL
}

// values responds to every query with a value for each field of a and b below.
func values(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var members []string
	for field, value := range map[string]string{"me": "1", "open": "2", "silent": "3", "tenant": "4", "node": `{"__typename":"Secret","id":5}`, "broken": "null", "logIn": `"t0ken"`} {
		if strings.Contains(string(body), field) {
			members = append(members, fmt.Sprintf("%q:%s", field, value))
		}
	}
	w.Header().Set("Content-Type", "application/json")
	switch {
	case strings.Contains(string(body), "silent"):
	case strings.Contains(string(body), "tenant"):
		w.Header().Set("Cache-Control", "max-age=30, public")
	default:
		w.Header().Set("Cache-Control", "max-age=60")
	}
	fmt.Fprintf(w, `{"data":{%s}}`, strings.Join(members, ","))
}

const (
	valuesA = `type Query { me: Int @authenticated  open: Int  silent: Int  broken: Int!  node: Node }
		interface Node { id: Int }
		type Secret implements Node @authenticated { id: Int }
		type Open implements Node { id: Int }
		type Mutation { logIn: String }`
	valuesB = `type Query { tenant: Int }`
)

var valuesRoutes = fstest.MapFS{"values.graphql": {Data: []byte(`
	query me @rest(method: GET, path: "/api/me", result: "me") { me }
	query open @rest(method: GET, path: "/api/open", result: "open") { open }
	query silent @rest(method: GET, path: "/api/silent", result: "silent") { silent }
	query tenant @rest(method: GET, path: "/api/tenant", result: "tenant") { tenant }
	query broken @rest(method: GET, path: "/api/broken", result: "broken") { broken }
	query both @rest(method: GET, path: "/api/both", result: "tenant") { open tenant }
	mutation logIn @rest(method: POST, path: "/api/login", result: "logIn") { logIn }
`)}}

// Cache-Control and Vary tell caches between the router and its clients whether
// they may store a response, over GraphQL and REST.
func TestCacheControlFollowsTheCaller(t *testing.T) {
	jwks, token := issuer(t)
	bearer := "Authorization: Bearer " + token("ada")
	base := func(c *config.Config) {
		c.Authentication.JWT.JWKS = []config.JWKS{{URL: jwks}}
	}
	propagateNothing := func(c *config.Config) { base(c); c.Headers.All.Propagate = nil }
	ownHeader := func(c *config.Config) {
		propagateNothing(c)
		c.Authentication.JWT.Header, c.Authentication.JWT.Scheme = "X-Token", ""
	}
	tenants := func(c *config.Config) {
		propagateNothing(c)
		c.Headers.Subgraphs = map[string]config.HeaderRules{"b": {Propagate: []string{"x-tenant"}}}
	}
	sdl := composed(t, valuesA, valuesB)
	const none = "-"
	for _, c := range []struct {
		name      string
		configure func(*config.Config)
		query     string
		headers   []string
		control   string
		vary      []string // in addition to Accept and Accept-Encoding
	}{
		{name: "anonymous", configure: base, query: "open", control: "max-age=60", vary: []string{"Authorization"}},
		{name: "a propagated header", configure: base, query: "open", headers: []string{bearer}, control: "private, max-age=60", vary: []string{"Authorization"}},
		{name: "a subgraph that says public", configure: base, query: "tenant", headers: []string{bearer}, control: "private, max-age=30", vary: []string{"Authorization"}},
		{name: "an authorised field", configure: propagateNothing, query: "me", headers: []string{bearer}, control: "private, max-age=60", vary: []string{"Authorization"}},
		{name: "an authorised field, token in a custom header", configure: ownHeader, query: "me", headers: []string{"X-Token: " + token("ada")}, control: "private, max-age=60", vary: []string{"X-Token"}},
		{name: "no authorised field, nothing propagated", configure: propagateNothing, query: "open", headers: []string{bearer}, control: "max-age=60"},
		{name: "a subgraph without Cache-Control", configure: propagateNothing, query: "silent", control: none},
		{name: "a subgraph without Cache-Control, with a token", configure: base, query: "silent", headers: []string{bearer}, control: "private, no-cache", vary: []string{"Authorization"}},
		{name: "a header propagated to another subgraph", configure: tenants, query: "open", headers: []string{"X-Tenant: t"}, control: "max-age=60"},
		{name: "a header propagated to the subgraph", configure: tenants, query: "tenant", headers: []string{"X-Tenant: t"}, control: "private, max-age=30", vary: []string{"X-Tenant"}},
		{name: "a header propagated to one of two subgraphs", configure: tenants, query: "both", headers: []string{"X-Tenant: t"}, control: "private, max-age=30", vary: []string{"X-Tenant"}},
		{name: "without the header propagated to one of two subgraphs", configure: tenants, query: "both", control: "max-age=30", vary: []string{"X-Tenant"}},
		{name: "an error", configure: base, query: "broken", control: "no-store"},
		{name: "a field that the caller may not have", configure: base, query: "me", control: "no-store"},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := serveRouter(t, sdl, valuesRoutes, values, c.configure)
			document := "{ " + strings.Replace(c.query, "both", "open tenant", 1) + " }"
			graphQL := append([]string{"GraphQL-Require-Preflight: 1"}, c.headers...)
			check := func(way string, r *http.Response) {
				t.Helper()
				got := r.Header.Get("Cache-Control")
				if got == "" {
					got = none
				}
				if got != c.control {
					t.Errorf("%s: Cache-Control = %q, want %q", way, got, c.control)
				}
				for _, name := range c.vary {
					if r.StatusCode < 400 && !varies(r, name) {
						t.Errorf("%s: Vary = %q, want %s", way, r.Header.Values("Vary"), name)
					}
				}
				for _, name := range []string{"Authorization", "X-Tenant", "X-Token"} {
					if varies(r, name) != strings.Contains(strings.Join(c.vary, " "), name) && r.StatusCode < 400 && c.control != "no-store" {
						t.Errorf("%s: Vary = %q", way, r.Header.Values("Vary"))
					}
				}
			}
			r, _ := ask(t, "GET", at+"/graphql?query="+url.QueryEscape(document), "", graphQL...)
			check("GET", r)
			r, _ = ask(t, "POST", at+"/graphql", `{"query":"`+document+`"}`, append([]string{posts}, c.headers...)...)
			check("POST", r)
			r, _ = ask(t, "GET", at+"/api/"+c.query, "", c.headers...)
			check("REST", r)
			tag := r.Header.Get("ETag")
			r, _ = ask(t, "HEAD", at+"/api/"+c.query, "", c.headers...)
			check("REST HEAD", r)
			if tag != "" {
				r, _ = ask(t, "GET", at+"/api/"+c.query, "", append([]string{"If-None-Match: " + tag}, c.headers...)...)
				if r.StatusCode != http.StatusNotModified {
					t.Errorf("REST with If-None-Match: got status %d", r.StatusCode)
				}
				check("REST 304", r)
			}
		})
	}
}

func TestLoginsAndOtherMutationsAreNotStored(t *testing.T) {
	at := serveRouter(t, composed(t, valuesA, valuesB), valuesRoutes, values, func(c *config.Config) {
		c.HTTP.Batching = config.Batching{Enabled: true, MaxSize: 2}
	})
	for _, c := range []struct{ path, body, accept string }{
		{path: "/graphql", body: `{"query":"mutation { logIn }"}`, accept: "application/json"},
		{path: "/graphql", body: `[{"query":"mutation { logIn }"}]`, accept: "application/json"},
		{path: "/graphql", body: `[{"query":"{ open }"}]`, accept: "application/json"},
		{path: "/graphql", body: `{"query":"mutation { logIn }"}`, accept: "text/event-stream"},
		{path: "/graphql", body: `{"query":"{ open ... @defer { tenant } }"}`, accept: "multipart/mixed"},
		{path: "/api/login", body: `{}`, accept: "application/json"},
	} {
		r, body := ask(t, "POST", at+c.path, c.body, posts, "Accept: "+c.accept)
		if r.StatusCode != 200 || r.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%+v: got status %d, Cache-Control %q, %s", c, r.StatusCode, r.Header.Get("Cache-Control"), body)
		}
	}
}

// With authentication.jwt.required, every response is for a caller with a token.
func TestResponsesThatRequireATokenArePrivate(t *testing.T) {
	jwks, token := issuer(t)
	at := serveRouter(t, composed(t, valuesA, valuesB), valuesRoutes, values, func(c *config.Config) {
		c.Authentication.JWT.JWKS = []config.JWKS{{URL: jwks}}
		c.Authentication.JWT.Required = true
		c.Headers.All.Propagate = nil
	})
	r, _ := ask(t, "GET", at+"/api/open", "", "Authorization: Bearer "+token("ada"))
	if r.Header.Get("Cache-Control") != "private, max-age=60" || !varies(r, "Authorization") {
		t.Errorf("got headers %v", r.Header)
	}
}

// Deduplicated requests get the same headers.
func TestSharedResponsesKeepTheirCacheControl(t *testing.T) {
	at := serveRouter(t, composed(t, valuesA, valuesB), valuesRoutes, values, func(c *config.Config) { c.TrafficShaping.Router.Deduplicate = new(true) })
	for header, want := range map[string]string{"": "max-age=60", "Authorization: Bearer x": "private, max-age=60"} {
		headers := []string{posts}
		if header != "" {
			headers = append(headers, header)
		}
		r, _ := ask(t, "POST", at+"/graphql", `{"query":"{ open }"}`, headers...)
		if got := r.Header.Get("Cache-Control"); got != want {
			t.Errorf("%q = %q, want %q", header, got, want)
		}
	}
}

// A response with a part that must not be stored is not stored, even if another
// subgraph sends no Cache-Control.
func TestNoStoreOfOneSubgraphAppliesToTheResponse(t *testing.T) {
	sdl := composed(t, `type Query { silent: Int }`, `type Query { secret: Int }`)
	at := serveRouter(t, sdl, nil, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/b" {
			w.Header().Set("Cache-Control", "no-store")
			fmt.Fprint(w, `{"data":{"secret":1}}`)
			return
		}
		fmt.Fprint(w, `{"data":{"silent":1}}`)
	}, func(*config.Config) {})
	for _, query := range []string{"{ secret }", "{ silent secret }", "{ secret silent }"} {
		if r, body := ask(t, "POST", at+"/graphql", `{"query":"`+query+`"}`, posts); r.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: Cache-Control = %q, want no-store: %s", query, r.Header.Get("Cache-Control"), body)
		}
	}
}
