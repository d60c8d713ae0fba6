package router_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"souk/internal/bytecache"
	"souk/router"
	"souk/router/auth"
	"souk/router/gateway/config"
)

// An evaluator grants all policies to ada and records what it is asked.
type evaluator struct {
	mu    sync.Mutex
	asked []string
	fail  bool
}

func (e *evaluator) Evaluate(_ context.Context, c *auth.Caller, policies []string) (map[string]bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	name := "nobody"
	if c != nil {
		name = c.Subject
	}
	e.asked = append(e.asked, name+": "+strings.Join(policies, " "))
	if e.fail {
		return nil, fmt.Errorf("no verdict")
	}
	passed := map[string]bool{}
	for _, p := range policies {
		passed[p] = name == "ada"
	}
	return passed, nil
}

func (e *evaluator) take() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	asked := e.asked
	e.asked = nil
	return asked
}

func caching(c *config.Config) { c.Authorization.PolicyCache.Enabled = true }

func TestVerdictsOfTheProgramAreCached(t *testing.T) {
	jwks, token := issuer(t)
	e := &evaluator{}
	h := newHooked(t, func(c *config.Config) {
		c.Authentication.JWT.JWKS = []config.JWKS{{URL: jwks}}
		caching(c)
	}, router.Extensions{Policies: e})
	tokens := map[string]string{"ada": token("ada"), "bob": token("bob")}
	for range 2 {
		for who, want := range map[string]string{"ada": `"secret":"s"`, "bob": "UNAUTHORIZED_FIELD_OR_TYPE"} {
			if _, body := h.do(t, "POST", "/graphql", `{"query":"{ secret }"}`, "Authorization: Bearer "+tokens[who]); !strings.Contains(body, want) {
				t.Errorf("%s: got %s", who, body)
			}
		}
		if _, body := h.do(t, "POST", "/graphql", `{"query":"{ secret }"}`); !strings.Contains(body, "UNAUTHORIZED_FIELD_OR_TYPE") {
			t.Errorf("anonymous: got %s", body)
		}
	}
	asked := e.take()
	slices.Sort(asked)
	if got := strings.Join(asked, ", "); got != "ada: night vault, bob: night vault, nobody: night vault" {
		t.Errorf("asked %s", got)
	}
}

func TestFailedVerdictsAreNotCached(t *testing.T) {
	e := &evaluator{fail: true}
	h := newHooked(t, caching, router.Extensions{Policies: e})
	for range 2 {
		if r, body := h.do(t, "POST", "/graphql", `{"query":"{ secret }"}`); r.StatusCode != 503 {
			t.Errorf("status %d, %s", r.StatusCode, body)
		}
	}
	if got := e.take(); len(got) != 2 {
		t.Errorf("asked %q", got)
	}
}

func TestVerdictsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &evaluator{}
		hits, misses := 0, 0
		cached := auth.NewVerdictCache(auth.VerdictOptions{
			TTL: time.Second, Bytes: 1 << 20, Hit: func() { hits++ }, Miss: func() { misses++ }, Observer: bytecache.Observer{},
		}).Of(e)
		ada := func(claims map[string]any) *auth.Caller { return &auth.Caller{Subject: "ada", Claims: claims} }
		ask := func(c *auth.Caller, policies ...string) {
			t.Helper()
			passed, err := cached.Evaluate(t.Context(), c, policies)
			if err != nil || len(passed) != len(policies) || !passed[policies[0]] {
				t.Errorf("passed %v, %v", passed, err)
			}
		}
		ask(ada(nil), "a", "b")
		ask(ada(nil), "a", "b")
		ask(ada(nil), "c", "a") // asks only for c
		ask(ada(map[string]any{"tenant": "x"}), "a")
		time.Sleep(time.Second)
		ask(ada(nil), "a")
		if got := strings.Join(e.take(), ", "); got != "ada: a b, ada: c, ada: a, ada: a" {
			t.Errorf("asked %s", got)
		}
		if hits != 3 || misses != 5 {
			t.Errorf("%d hits, %d misses", hits, misses)
		}
	})
}

func TestDecisionsOfTheCoprocessorAreCached(t *testing.T) {
	for name, c := range map[string]struct {
		body  bool
		calls int
	}{"policies only": {false, 1}, "with the body": {true, 2}} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			co := newCoprocessor(t, map[string]func(map[string]any){"SupergraphRequest": func(m map[string]any) {
				policies, _ := entriesOf(m)[requiredPolicies].(map[string]any)
				asked += len(policies)
				for name := range policies {
					policies[name] = true
				}
			}})
			h := newHooked(t, func(conf *config.Config) {
				caching(conf)
				conf.Coprocessor.URL, conf.Coprocessor.Policies = co.URL, true
				conf.Coprocessor.Supergraph.Request.Context, conf.Coprocessor.Supergraph.Request.Body = true, c.body
			}, router.Extensions{})
			for range 2 {
				if _, body := h.do(t, "POST", "/graphql", `{"query":"{ secret }"}`); !strings.Contains(body, `"secret":"s"`) {
					t.Errorf("got %s", body)
				}
			}
			if calls := len(co.take()); calls != c.calls || asked != 2 {
				t.Errorf("%d calls, asked for %d policies", calls, asked)
			}
		})
	}
}

// A coprocessor that fails, or leaves a policy undecided, is asked again.
func TestUndecidedPoliciesAreNotCached(t *testing.T) {
	asked := 0
	co := newCoprocessor(t, map[string]func(map[string]any){"SupergraphRequest": func(m map[string]any) {
		asked++
		policies, _ := entriesOf(m)[requiredPolicies].(map[string]any)
		switch asked {
		case 1:
			m["version"] = 2 // a failure
		case 2:
			policies["vault"] = true
		default:
			for name := range policies {
				policies[name] = true
			}
		}
	}})
	h := newHooked(t, func(conf *config.Config) {
		caching(conf)
		conf.Coprocessor.URL, conf.Coprocessor.Policies = co.URL, true
		conf.Coprocessor.Supergraph.Request.Context, conf.Coprocessor.Supergraph.Request.OnFailure = true, "open"
	}, router.Extensions{})
	for i, want := range []string{"UNAUTHORIZED", "UNAUTHORIZED", `"secret":"s"`, `"secret":"s"`} {
		if _, body := h.do(t, "POST", "/graphql", `{"query":"{ secret }"}`); !strings.Contains(body, want) {
			t.Errorf("request %d: got %s", i, body)
		}
	}
	if asked != 3 {
		t.Errorf("asked %d times", asked)
	}
}

// toCanary sends all requests to a canary, with the same subgraph at another path.
func toCanary(c *config.Config) {
	caching(c)
	c.Canary.Percent = 100
	c.Canary.OverrideSubgraphURLs = map[string]string{"a": strings.Replace(c.OverrideSubgraphURLs["a"], "/graphql", "/canary", 1)}
}

// A canary keeps decisions itself: they do not pass the cache of the main router, too.
func TestCanaryKeepsDecisionsOnce(t *testing.T) {
	e := &evaluator{}
	h := newHooked(t, toCanary, router.Extensions{Policies: e})
	for range 2 {
		if _, body := h.do(t, "POST", "/graphql", `{"query":"{ secret }"}`); !strings.Contains(body, "UNAUTHORIZED_FIELD_OR_TYPE") {
			t.Errorf("got %s", body)
		}
	}
	if got := strings.Join(e.take(), ", "); got != "nobody: night vault" {
		t.Errorf("asked %s", got)
	}
	w := httptest.NewRecorder()
	h.Admin().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	for _, series := range []string{
		`souk_router_cache_requests_total{cache="policy",result="miss"} 2`,
		`souk_router_cache_requests_total{cache="policy",result="hit"} 2`,
		`souk_router_cache_entries{cache="policy"} 2`,
	} {
		if !strings.Contains(w.Body.String(), "\n"+series+"\n") {
			t.Errorf("the metrics lack %s", series)
		}
	}
	if t.Failed() {
		for line := range strings.Lines(w.Body.String()) {
			if strings.Contains(line, `cache="policy"`) {
				t.Log(line)
			}
		}
	}
}

// The coprocessor decides for the canary as for the main router.
func TestCoprocessorDecidesForTheCanary(t *testing.T) {
	co := newCoprocessor(t, map[string]func(map[string]any){"SupergraphRequest": func(m map[string]any) {
		policies, _ := entriesOf(m)[requiredPolicies].(map[string]any)
		for name := range policies {
			policies[name] = true
		}
	}})
	h := newHooked(t, func(c *config.Config) {
		toCanary(c)
		c.Coprocessor.URL, c.Coprocessor.Policies, c.Coprocessor.Supergraph.Request.Context = co.URL, true, true
	}, router.Extensions{})
	for range 2 {
		if _, body := h.do(t, "POST", "/graphql", `{"query":"{ secret }"}`); !strings.Contains(body, `"secret":"s"`) {
			t.Errorf("got %s", body)
		}
	}
	if calls := len(co.take()); calls != 1 {
		t.Errorf("%d calls", calls)
	}
}
