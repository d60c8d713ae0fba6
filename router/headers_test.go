package router_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"souk/router/gateway/config"
	"souk/router/internal/certtest"
)

// Whichever rule makes a header of the client's request, responses that may depend on it are
// for this client only: in the entity cache, in shared executions, and in HTTP caches.
func TestResponsesFollowTheHeaderRules(t *testing.T) {
	jwks, token := issuer(t)
	sdl := composed(t, accountsA, accountsB)
	for name, c := range map[string]struct {
		rules   config.HeaderRules
		header  string // of the client, with the caller
		control string
		vary    string
	}{
		"pattern": {config.HeaderRules{PropagateMatching: []string{"auth.*"}}, "Authorization: %s", "private", "*"},
		"rename":  {config.HeaderRules{Rename: map[string]string{"X-Caller": "Authorization"}}, "X-Caller: %s", "private", "X-Caller"},
		"removed source": {config.HeaderRules{
			Propagate: []string{"X-Caller"}, Rename: map[string]string{"X-Caller": "Authorization"}, Remove: []string{"X-Caller"},
		}, "X-Caller: %s", "private", "X-Caller"},
		"claim": {config.HeaderRules{SetFromClaims: map[string]string{"Authorization": "sub"}}, "Authorization: token of %s", "private", "Authorization"},
	} {
		t.Run(name, func(t *testing.T) {
			at := serveRouter(t, sdl, nil, accounts("max-age=60"), func(conf *config.Config) {
				conf.Headers.All = c.rules
				conf.Authentication.JWT.JWKS = []config.JWKS{{URL: jwks}}
				conf.TrafficShaping.Router.Deduplicate = new(true)
				conf.ResponseCache.Enabled = true
				conf.ResponseCache.Redis.URL = "redis://" + miniredis.RunT(t).Addr()
				conf.ResponseCache.Subgraph.Subgraphs = map[string]config.SubgraphCache{"a": {Root: []string{"mine"}}, "b": {Types: []string{"Account"}}}
				if name != "claim" {
					conf.Authentication.JWT.JWKS = nil
				}
			})
			for range 2 {
				for _, query := range []string{"{ account { balance } }", "{ mine }"} {
					for _, caller := range []string{"ada", "bob"} {
						header := fmt.Sprintf(c.header, caller)
						if name == "claim" {
							header = strings.Replace(header, "token of "+caller, "Bearer "+token(caller), 1)
						}
						r, body := ask(t, "POST", at+"/graphql", `{"query":"`+query+`"}`, posts, header)
						if !strings.Contains(body, `"of `+caller+`"`) {
							t.Errorf("caller %s: got %s", caller, body)
						}
						if got := r.Header.Get("Cache-Control"); !strings.HasPrefix(got, c.control) || !varies(r, c.vary) {
							t.Errorf("caller %s: Cache-Control = %q, Vary = %q", caller, got, r.Header.Values("Vary"))
						}
					}
				}
			}
		})
	}
}

// A header made of a claim is never what the client has sent.
func TestClaimsCannotBeForged(t *testing.T) {
	jwks, token := issuer(t)
	at := serveRouter(t, composed(t, valuesA, valuesB), nil, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"data":null,"errors":[{"message":%q}]}`, fmt.Sprint(r.Header["X-User"]))
	}, func(c *config.Config) {
		c.Authentication.JWT.JWKS = []config.JWKS{{URL: jwks}}
		c.IncludeErrors.All = true
		c.Headers.All = config.HeaderRules{Propagate: []string{"X-User"}, SetFromClaims: map[string]string{"X-User": "sub"}}
	})
	for _, c := range []struct {
		want    string
		headers []string
	}{
		{want: `"[]"`, headers: []string{"X-User: admin"}},
		{want: `"[ada]"`, headers: []string{"X-User: admin", "Authorization: Bearer " + token("ada")}},
	} {
		if _, body := ask(t, "POST", at+"/graphql", `{"query":"{ open }"}`, append(c.headers, posts)...); !strings.Contains(body, c.want) {
			t.Errorf("%v: got %s, want %s", c.headers, body, c.want)
		}
	}
}

// Clients get the headers of subgraphs that rules name, over GraphQL and REST; nobody gets those
// for another client.
func TestClientsGetHeadersOfSubgraphs(t *testing.T) {
	var cookies atomic.Int64
	for _, client := range []string{"direct", "standard"} {
		at := serveRouter(t, composed(t, valuesA, valuesB), valuesRoutes, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Add("Set-Cookie", fmt.Sprintf("session=%d", cookies.Add(1)))
			w.Header().Add("Set-Cookie", "other=1")
			w.Header().Set("X-Subgraph", r.URL.Path)
			w.Header().Set("X-Region", r.URL.Path)
			w.Header().Set("X-Private", "1")
			values(w, r)
		}, func(c *config.Config) {
			c.TrafficShaping.All.HTTPClient = client
			c.TrafficShaping.Router.Deduplicate = new(true)
			c.HTTP.Batching = config.Batching{Enabled: true, MaxSize: 2}
			c.Headers.All.Return = map[string]string{"set-cookie": "append", "X-Subgraph": "append"}
			c.Headers.Subgraphs = map[string]config.HeaderRules{"b": {Return: map[string]string{"x-region": "first"}}}
		})
		for _, way := range []func() *http.Response{
			func() *http.Response {
				r, _ := ask(t, "POST", at+"/graphql", `{"query":"{ open tenant }"}`, posts)
				return r
			},
			func() *http.Response { r, _ := ask(t, "GET", at+"/api/both", ""); return r },
		} {
			before := cookies.Load()
			h := way().Header
			from := h["X-Subgraph"]
			slices.Sort(from)
			if !slices.Equal(from, []string{"/a", "/b"}) || h.Get("X-Region") != "/b" || h["X-Private"] != nil {
				t.Errorf("%s: got headers %v", client, h)
			}
			for i := before + 1; i <= before+2; i++ {
				if want := fmt.Sprintf("session=%d", i); len(h["Set-Cookie"]) != 4 || !slices.Contains(h["Set-Cookie"], want) {
					t.Errorf("%s: cookies %q, want %s", client, h["Set-Cookie"], want)
				}
			}
			if h.Get("Content-Type") == "" || !strings.Contains(strings.Join(h["Cache-Control"], ","), "max-age=30") {
				t.Errorf("%s: got headers %v", client, h)
			}
		}
		if r, body := ask(t, "POST", at+"/graphql", `[{"query":"{ open }"},{"query":"{ tenant }"}]`, posts); r.StatusCode != 200 || r.Header["Set-Cookie"] != nil {
			t.Errorf("batch: got status %d, cookies %q, %s", r.StatusCode, r.Header["Set-Cookie"], body)
		}
	}
}

// Two clients that send the same query at the same time have a cookie of their own each.
func TestConcurrentClientsGetTheirOwnHeaders(t *testing.T) {
	var asked atomic.Int64
	both := make(chan struct{})
	at := serveRouter(t, composed(t, valuesA, valuesB), nil, func(w http.ResponseWriter, r *http.Request) {
		n := asked.Add(1)
		if n == 2 {
			close(both)
		}
		<-both // ends only if each client has a request of its own
		w.Header().Set("Set-Cookie", fmt.Sprintf("session=%d", n))
		values(w, r)
	}, func(c *config.Config) {
		c.TrafficShaping.Router.Deduplicate = new(true)
		c.Headers.All.Return = map[string]string{"Set-Cookie": "append"}
	})
	got := make(chan string, 2)
	for range 2 {
		go func() {
			r, _ := ask(t, "POST", at+"/graphql", `{"query":"{ open }"}`, posts)
			got <- strings.Join(r.Header["Set-Cookie"], " ")
		}()
	}
	all := []string{<-got, <-got}
	slices.Sort(all)
	if !slices.Equal(all, []string{"session=1", "session=2"}) {
		t.Errorf("got cookies %q", all)
	}
}

// Responses to callers whose token is in a cookie or another header are theirs alone. The key set
// comes from a server with a certificate of its own authority that asks for a header.
func TestTokensFromOtherPlaces(t *testing.T) {
	keys, token := issuer(t)
	authority := certtest.New(t)
	own := authority.Issue(t, t.TempDir(), "issuer")
	pair, err := tls.LoadX509KeyPair(own.Cert, own.Key)
	if err != nil {
		t.Fatal(err)
	}
	secured := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Api-Key") != "secret" {
			http.Error(w, "no key", http.StatusForbidden)
			return
		}
		http.Redirect(w, r, "/keys", http.StatusFound)
	}))
	target, err := url.Parse(keys)
	if err != nil {
		t.Fatal(err)
	}
	proxied := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	routes := http.NewServeMux()
	routes.Handle("/", secured.Config.Handler)
	routes.Handle("/keys", proxied)
	secured.Config.Handler = routes
	secured.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	secured.StartTLS()
	defer secured.Close()

	at := serveRouter(t, composed(t, valuesA, valuesB), valuesRoutes, values, func(c *config.Config) {
		c.Headers.All.Propagate = nil
		c.Authentication.JWT.JWKS = []config.JWKS{{
			URL: secured.URL, Headers: map[string]string{"X-Api-Key": "secret"}, TLS: config.ClientTLS{CAFile: authority.File}, Algorithms: []string{"EdDSA"},
		}}
		c.Authentication.JWT.Algorithms = []string{"RS256"}
		c.Authentication.JWT.Sources = []config.TokenSource{{Cookie: "session"}, {Header: "X-Token"}}
	})
	for _, c := range []struct {
		header string
		status int
	}{
		{"Cookie: session=" + token("ada"), 200}, {"X-Token: " + token("ada"), 200}, {"Authorization: Bearer " + token("ada"), 200},
		{"Cookie: other=" + token("ada"), 401}, {"Cookie: session=x.y.z", 401},
	} {
		r, body := ask(t, "GET", at+"/api/me", "", c.header)
		if r.StatusCode != c.status {
			t.Errorf("%.20s: got status %d, %s", c.header, r.StatusCode, body)
		}
		if r.StatusCode == 200 && (r.Header.Get("Cache-Control") != "private, max-age=60" || !varies(r, "Cookie") || !varies(r, "X-Token") || !varies(r, "Authorization")) {
			t.Errorf("%.20s: got headers %v", c.header, r.Header)
		}
	}
}
