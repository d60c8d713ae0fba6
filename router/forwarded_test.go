package router_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"souk/router"
	"souk/router/gateway/config"
	"souk/router/hook"
)

// echoing responds to root fields and entities of accounts with the extensions and the header X-Tenant
// of the request. It records the extensions by subgraph.
type echoing struct {
	mu  sync.Mutex
	got map[string][]string
}

func (e *echoing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	var body struct {
		Query      string
		Extensions json.RawMessage
	}
	_ = json.Unmarshal(text, &body)
	e.mu.Lock()
	if e.got == nil {
		e.got = map[string][]string{}
	}
	e.got[r.URL.Path] = append(e.got[r.URL.Path], string(body.Extensions))
	e.mu.Unlock()
	value := mustJSON(string(body.Extensions) + r.Header.Get("X-Tenant"))
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "max-age=60")
	switch {
	case strings.Contains(body.Query, "_entities"):
		fmt.Fprintf(w, `{"data":{"_entities":[{"balance":%s}]}}`, value)
	case strings.Contains(body.Query, "mine"):
		fmt.Fprintf(w, `{"data":{"mine":%s}}`, value)
	default:
		fmt.Fprint(w, `{"data":{"account":{"__typename":"Account","id":"1"}}}`)
	}
}

func (e *echoing) take(path string) []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	got := e.got[path]
	delete(e.got, path)
	return got
}

// Each subgraph gets the extensions that the configuration names, and what depends on them is kept
// apart by the caches.
func TestExtensionsReachSubgraphs(t *testing.T) {
	e := &echoing{}
	at := serveRouter(t, composed(t, accountsA, accountsB), nil, e.ServeHTTP, func(c *config.Config) {
		c.RequestExtensions = config.RequestExtensions{All: []string{"tenant"}, Subgraphs: map[string][]string{"b": {"flags"}}, MaxBytes: 100}
		c.TrafficShaping.Router.Deduplicate = new(true)
		c.ResponseCache.Enabled = true
		c.ResponseCache.Redis.URL = "redis://" + miniredis.RunT(t).Addr()
		c.ResponseCache.Subgraph.Subgraphs = map[string]config.SubgraphCache{"a": {Root: []string{"mine"}}, "b": {Types: []string{"Account"}, Shared: true}}
	})
	ask := func(query, extensions string) string {
		t.Helper()
		_, body := ask(t, "POST", at+"/graphql", `{"query":"`+query+`","extensions":`+extensions+`}`, posts)
		return body
	}
	requests := []struct{ query, extensions, want string }{
		{"{ mine }", `{"tenant":"x","secret":1}`, `{"data":{"mine":"{\"tenant\":\"x\"}"}}`},
		{"{ mine }", `{"tenant":"y"}`, `{"data":{"mine":"{\"tenant\":\"y\"}"}}`},
		{"{ mine }", `{"tenant":"x","flags":[1]}`, `{"data":{"mine":"{\"tenant\":\"x\"}"}}`},
		{"{ mine }", `{"secret":1}`, `{"data":{"mine":""}}`},
		{"{ account { balance } }", `{"flags":{"a": true},"tenant":"x"}`, `{"data":{"account":{"balance":"{\"flags\":{\"a\": true},\"tenant\":\"x\"}"}}}`},
		{"{ account { balance } }", `{"flags":{"a": false},"tenant":"x"}`, `{"data":{"account":{"balance":"{\"flags\":{\"a\": false},\"tenant\":\"x\"}"}}}`},
		{"{ account { balance } }", `{}`, `{"data":{"account":{"balance":""}}}`},
	}
	untilCached(t, e, func() {
		for _, c := range requests {
			if got := ask(c.query, c.extensions); got != c.want {
				t.Errorf("%s with %s: got %s, want %s", c.query, c.extensions, got, c.want)
			}
		}
	})
	if got := ask("{ mine }", `{"tenant":"`+strings.Repeat("x", 100)+`"}`); !strings.Contains(got, "longer than 100 bytes") {
		t.Errorf("got %s", got)
	}
	if got := ask("{ mine }", `{"tenant":1,"tenant":2}`); !strings.Contains(got, "has the member tenant twice") {
		t.Errorf("got %s", got)
	}
}

func TestMembersOfABatchHaveTheirOwnExtensions(t *testing.T) {
	at := serveRouter(t, composed(t, accountsA, accountsB), nil, new(echoing).ServeHTTP, func(c *config.Config) {
		c.RequestExtensions.All = []string{"tenant"}
		c.HTTP.Batching.Enabled = true
	})
	_, body := ask(t, "POST", at+"/graphql", `[{"query":"{ mine }","extensions":{"tenant":1}},{"query":"{ mine }","extensions":{"tenant":2}},{"query":"{ mine }"}]`, posts)
	if want := `[{"data":{"mine":"{\"tenant\":1}"}},{"data":{"mine":"{\"tenant\":2}"}},{"data":{"mine":""}}]`; body != want {
		t.Errorf("got %s, want %s", body, want)
	}
}

// serveExtended serves a router with extensions and two subgraphs.
func serveExtended(t *testing.T, sdl string, subgraph http.Handler, change func(*config.Config), x router.Extensions) string {
	t.Helper()
	server := httptest.NewServer(newRouterWith(t, router.Options{Supergraph: sdl, Extensions: x}, subgraph, change).Handler())
	t.Cleanup(server.Close)
	return server.URL
}

// Headers have values that a hook has set. Responses are private, and the cache keeps them apart.
func TestHeadersComeFromTheRequestContext(t *testing.T) {
	h := newHooked(t, func(c *config.Config) {
		c.Headers.All.Propagate = []string{"X-From"}
		c.Headers.All.SetFromContext = map[string]string{"X-From": "tenant"}
		c.TrafficShaping.Router.Deduplicate = new(true)
	}, router.Extensions{Hooks: []hook.Hooks{{Name: "tenant", Request: func(_ context.Context, r *hook.Request) error {
		switch tenant := r.HTTP.Header.Get("X-Tenant"); tenant {
		case "":
			return nil
		case "list":
			return r.SetContext("tenant", []any{"a", 1, true})
		case "object":
			return r.SetContext("tenant", map[string]string{"a": "b"})
		default:
			return r.SetContext("tenant", tenant)
		}
	}}}})
	for tenant, want := range map[string]string{"x": "from x", "y": "from y", "list": "from a,1,true", "object": "from ", "": "from "} {
		r, body := h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`, "X-Tenant: "+tenant, "X-From: forged")
		if want := `{"data":{"hello":"` + want + `"}}`; body != want {
			t.Errorf("tenant %q: got %s, want %s", tenant, body, want)
		}
		if got := r.Header.Get("Cache-Control"); !strings.HasPrefix(got, "private") {
			t.Errorf("tenant %q: Cache-Control %q", tenant, got)
		}
	}
}

func TestEntityCacheKeepsContextValuesApart(t *testing.T) {
	e := &echoing{}
	h := serveExtended(t, composed(t, accountsA, accountsB), e, func(c *config.Config) {
		c.Headers.Subgraphs = map[string]config.HeaderRules{"b": {SetFromContext: map[string]string{"X-Tenant": "tenant"}}}
		c.ResponseCache.Enabled = true
		c.ResponseCache.Redis.URL = "redis://" + miniredis.RunT(t).Addr()
		c.ResponseCache.Subgraph.Subgraphs = map[string]config.SubgraphCache{"b": {Types: []string{"Account"}, Shared: true}}
	}, router.Extensions{Hooks: []hook.Hooks{{Name: "tenant", Request: func(_ context.Context, r *hook.Request) error {
		return r.SetContext("tenant", r.HTTP.Header.Get("X-Who"))
	}}}})
	untilCached(t, e, func() {
		for _, who := range []string{"ada", "bob"} {
			if _, body := ask(t, "POST", h+"/graphql", `{"query":"{ account { balance } }"}`, posts, "X-Who: "+who); !strings.Contains(body, `"`+who+`"`) {
				t.Errorf("%s: got %s", who, body)
			}
		}
	})
}

// untilCached repeats requests until the entity cache, which may still be connecting, answers all of
// them in place of subgraph b.
func untilCached(t *testing.T, e *echoing, requests func()) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		e.take("/b")
		if requests(); len(e.take("/b")) == 0 {
			return
		}
	}
	t.Fatal("the entity cache does not answer the requests")
}

// The coprocessor sets a value, and later stages and header rules see it.
func TestHeadersComeFromTheCoprocessor(t *testing.T) {
	co := newCoprocessor(t, map[string]func(map[string]any){"RouterRequest": func(m map[string]any) {
		entriesOf(m)["tenant"] = "acme"
	}})
	seen := ""
	h := newHooked(t, func(c *config.Config) {
		everything(co.URL, "closed")(c)
		c.Headers.All.SetFromContext = map[string]string{"X-From": "tenant"}
	}, router.Extensions{Hooks: []hook.Hooks{{Name: "later", Operation: func(_ context.Context, e *hook.Exchange) error {
		seen = string(e.Context("tenant"))
		return nil
	}}}})
	if _, body := h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`); body != `{"data":{"hello":"from acme"}}` || seen != `"acme"` {
		t.Errorf("got %s, the hook saw %s", body, seen)
	}
}

// The router sets the name and the kind of the operation for header rules. An anonymous operation
// has no header.
func TestHeadersDescribeTheOperation(t *testing.T) {
	var got atomic.Pointer[string]
	at := serveRouter(t, composed(t, `type Query { a: String } type Mutation { b: String }`, `type Query { c: String }`), nil, func(w http.ResponseWriter, r *http.Request) {
		seen := r.Header.Get("X-Op") + "/" + r.Header.Get("X-Kind")
		got.Store(&seen)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"data":{"a":"1","b":"1"}}`)
	}, func(c *config.Config) {
		c.Headers.All.SetFromContext = map[string]string{"X-Op": "apollo::supergraph::operation_name", "X-Kind": "apollo::supergraph::operation_kind"}
	})
	for query, want := range map[string]string{"query Named { a }": "Named/query", "mutation Change { b }": "Change/mutation", "{ a }": "/query"} {
		if ask(t, "POST", at+"/graphql", `{"query":"`+query+`"}`, posts, "X-Op: forged"); *got.Load() != want {
			t.Errorf("%s: the headers are %s, want %s", query, *got.Load(), want)
		}
	}
}
