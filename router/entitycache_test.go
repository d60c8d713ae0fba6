package router_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"souk/router"
	"souk/router/gateway/config"
	"souk/telemetry"
)

// accounts responds with entities that depend on the caller's Authorization.
func accounts(control string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		if control != "" {
			w.Header().Set("Cache-Control", control)
		}
		if strings.Contains(string(body), "_entities") {
			fmt.Fprintf(w, `{"data":{"_entities":[{"__typename":"Account","balance":"of %s"}]}}`, r.Header.Get("Authorization"))
			return
		}
		fmt.Fprintf(w, `{"data":{"account":{"__typename":"Account","id":"1"},"mine":"of %s"}}`, r.Header.Get("Authorization"))
	}
}

const (
	accountsA = `type Query { account: Account  mine: String }  type Account @key(fields: "id") { id: ID! }`
	accountsB = `type Account @key(fields: "id") { id: ID! @external  balance: String }`
)

// The entities and the root field depend on the caller.
func TestCachedResponsesAreNotSharedBetweenCallers(t *testing.T) {
	sdl := composed(t, accountsA, accountsB)
	for _, control := range []string{"", "max-age=60", "private, max-age=60"} {
		t.Run(control, func(t *testing.T) {
			at := serveRouter(t, sdl, nil, accounts(control), func(c *config.Config) {
				c.ResponseCache.Enabled = true
				c.ResponseCache.Redis.URL = "redis://" + miniredis.RunT(t).Addr()
				c.ResponseCache.Subgraph.Subgraphs = map[string]config.SubgraphCache{"a": {Root: []string{"mine"}}, "b": {Types: []string{"Account"}}}
			})
			for _, query := range []string{"{ account { balance } }", "{ mine }"} {
				for range 2 {
					for _, caller := range []string{"Bearer A", "Bearer B", ""} {
						headers := []string{posts}
						if caller != "" {
							headers = append(headers, "Authorization: "+caller)
						}
						r, body := ask(t, "POST", at+"/graphql", `{"query":"`+query+`"}`, headers...)
						if !strings.Contains(body, `"of `+caller+`"`) {
							t.Errorf("caller %q: got %s", caller, body)
						}
						if cc := r.Header.Get("Cache-Control"); caller != "" && !strings.HasPrefix(cc, "private") {
							t.Errorf("caller %q: Cache-Control = %q", caller, cc)
						}
					}
				}
			}
		})
	}
}

// A response that is public but varies by caller, as its Vary says, is not shared
// with other callers, with either HTTP client.
func TestPublicResponsesThatVaryAreNotShared(t *testing.T) {
	sdl := composed(t, accountsA, accountsB)
	for _, client := range []string{"direct", "standard"} {
		for _, vary := range []string{"Authorization", "Accept, authorization", "*"} {
			varying := func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Vary", vary)
				accounts("public, max-age=60")(w, r)
			}
			at := serveRouter(t, sdl, nil, varying, func(c *config.Config) {
				c.TrafficShaping.All.HTTPClient = client
				c.ResponseCache.Enabled = true
				c.ResponseCache.Redis.URL = "redis://" + miniredis.RunT(t).Addr()
				c.ResponseCache.Subgraph.Subgraphs = map[string]config.SubgraphCache{"a": {Root: []string{"mine"}}, "b": {Types: []string{"Account"}}}
			})
			for _, query := range []string{"{ account { balance } }", "{ mine }"} {
				for _, caller := range []string{"Bearer A", "Bearer B", "Bearer A"} {
					if _, body := ask(t, "POST", at+"/graphql", `{"query":"`+query+`"}`, posts, "Authorization: "+caller); !strings.Contains(body, `"of `+caller+`"`) {
						t.Errorf("client %s, Vary: %s: caller %q: got %s", client, vary, caller, body)
					}
				}
			}
		}
	}
}

// An entity that is declared shared is fetched once for all callers. One that is
// declared private is private in the first response and in those from the cache.
func TestSharedEntitiesAreFetchedOnceAndPrivateOnesStayPrivate(t *testing.T) {
	jwks, token := issuer(t)
	sdl := composed(t, accountsA, accountsB)
	fetches := 0
	counting := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/b" {
			fetches++
		}
		accounts("max-age=60")(w, r)
	}
	start := func(rule config.SubgraphCache) string {
		fetches = 0
		at := serveRouter(t, sdl, nil, counting, func(c *config.Config) {
			c.Authentication.JWT.JWKS = []config.JWKS{{URL: jwks}}
			c.ResponseCache.Enabled = true
			c.ResponseCache.Redis.URL = "redis://" + miniredis.RunT(t).Addr()
			c.ResponseCache.Redis.Timeout = 10 * time.Second // test machines may be busy
			c.ResponseCache.Subgraph.Subgraphs = map[string]config.SubgraphCache{"b": rule}
			if rule.Private {
				c.Headers.All.Propagate = nil
			}
		})
		eventually(t, func() bool {
			_, body := ask(t, "GET", at+"/readyz", "")
			return strings.Contains(body, `"name":"redis/response_cache","status":"UP"`)
		})
		return at
	}
	const query = `{"query":"{ account { balance } }"}`
	at := start(config.SubgraphCache{Types: []string{"Account"}, SharedTypes: []string{"Account"}})
	for _, subject := range []string{"ada", "bob"} {
		ask(t, "POST", at+"/graphql", query, posts, "Authorization: Bearer "+token(subject))
	}
	if fetches != 1 {
		t.Errorf("shared entity: %d fetches, want 1", fetches)
	}
	at = start(config.SubgraphCache{Types: []string{"Account"}, Private: true})
	ada := "Authorization: Bearer " + token("ada")
	for n := range 2 {
		r, _ := ask(t, "POST", at+"/graphql", query, posts, ada)
		if got := r.Header.Get("Cache-Control"); !strings.HasPrefix(got, "private, max-age=") {
			t.Errorf("response %d: Cache-Control = %q", n, got)
		}
	}
	ask(t, "POST", at+"/graphql", query, posts, "Authorization: Bearer "+token("bob"))
	if fetches != 2 {
		t.Errorf("private entity of two callers: %d fetches, want 2", fetches)
	}
}

func TestStartLogsEntitiesCachedPerCaller(t *testing.T) {
	var log lockedBuffer
	sdl := composed(t, accountsA, accountsB)
	open := func(s config.SubgraphCaches) error {
		tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: &log})
		if err != nil {
			return err
		}
		c := config.Default()
		c.ResponseCache.Enabled = true
		c.ResponseCache.Subgraph.All.Private, c.ResponseCache.Subgraph.All.Types = s.All.Private, s.All.Types
		c.ResponseCache.Subgraph.Subgraphs = s.Subgraphs
		r, err := router.New(t.Context(), c, router.Options{Supergraph: sdl, Telemetry: tel})
		if err != nil {
			return err
		}
		return r.Close()
	}
	b := map[string]config.SubgraphCache{"b": {Types: []string{"Account"}}}
	if err := open(config.SubgraphCaches{Subgraphs: b}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"level":"WARN"`, `"subgraph":"b"`, `"types":["Account"]`, `"headers":["Authorization"]`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not contain %s: %s", want, log.String())
		}
	}
	for want, s := range map[string]config.SubgraphCaches{
		"cannot list types":             {All: config.SubgraphCache{Types: []string{"Account"}}},
		"both private and shared":       {All: config.SubgraphCache{Private: true}, Subgraphs: map[string]config.SubgraphCache{"b": {Types: []string{"Account"}, Shared: true}}},
		"shared_types contains Acount,": {Subgraphs: map[string]config.SubgraphCache{"b": {Types: []string{"Account"}, SharedTypes: []string{"Acount"}}}},
	} {
		if err := open(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %q", err, want)
		}
	}
}
