package router_test

import (
	"cmp"
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
	"souk/router/hook"
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
			Now: time.Now, TTL: time.Second, Bytes: 1 << 20, Hit: func() { hits++ }, Miss: func() { misses++ }, Observer: bytecache.Observer{},
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
		configure func(*config.Config)
		hooks     []hook.Hooks
		calls     int
		sdl       string // hookSDL if empty
	}{
		"policies only":   {func(*config.Config) {}, nil, 1, ""},
		"with the body":   {func(c *config.Config) { c.Coprocessor.Supergraph.Request.Body = true }, nil, 2, ""},
		"a header has it": {func(c *config.Config) { c.Headers.All.SetFromContext = map[string]string{"X-From": "tenant"} }, nil, 2, ""},
		"a header of a subgraph has it": {func(c *config.Config) {
			c.Headers.Subgraphs = map[string]config.HeaderRules{"a": {SetFromContext: map[string]string{"X-From": "tenant"}}}
		}, nil, 2, ""},
		"an earlier stage has it":      {func(c *config.Config) { c.Coprocessor.Router.Request.Context = true }, nil, 1, ""},
		"a later stage has it":         {func(c *config.Config) { c.Coprocessor.Execution.Request.Context = true }, nil, 2, ""},
		"a subgraph's stage has it":    {func(c *config.Config) { c.Coprocessor.Subgraph.All.Request.Context = true }, nil, 2, ""},
		"a hook of the program has it": {func(*config.Config) {}, []hook.Hooks{{Name: "reads"}}, 2, ""},
		"labels of overrides":          {func(*config.Config) {}, nil, 2, labelledSDL},
	} {
		t.Run(name, func(t *testing.T) {
			asked, stages := 0, 0
			co := newCoprocessor(t, map[string]func(map[string]any){"SupergraphRequest": func(m map[string]any) {
				stages++
				entriesOf(m)["tenant"] = "acme"
				policies, _ := entriesOf(m)[requiredPolicies].(map[string]any)
				asked += len(policies)
				for name := range policies {
					policies[name] = true
				}
			}})
			h := newHookedWith(t, cmp.Or(c.sdl, hookSDL), func(conf *config.Config) {
				caching(conf)
				conf.Coprocessor.URL, conf.Coprocessor.Policies = co.URL, true
				conf.Coprocessor.Supergraph.Request.Context = true
				c.configure(conf)
			}, router.Extensions{Hooks: c.hooks})
			for range 2 {
				if _, body := h.do(t, "POST", "/graphql", `{"query":"{ secret }"}`); !strings.Contains(body, `"secret":"s"`) {
					t.Errorf("got %s", body)
				}
			}
			if stages != c.calls || asked != 2 {
				t.Errorf("%d calls, asked for %d policies", stages, asked)
			}
		})
	}
}

// A header with a value that the coprocessor sets reaches the subgraph also when its decisions on
// policies are kept.
func TestKeptDecisionsDoNotTakeAwayHeaders(t *testing.T) {
	co := newCoprocessor(t, map[string]func(map[string]any){"SupergraphRequest": func(m map[string]any) {
		entriesOf(m)["tenant"] = "acme"
		policies, _ := entriesOf(m)[requiredPolicies].(map[string]any)
		for name := range policies {
			policies[name] = true
		}
	}})
	h := newHooked(t, func(c *config.Config) {
		caching(c)
		c.Coprocessor.URL, c.Coprocessor.Policies, c.Coprocessor.Supergraph.Request.Context = co.URL, true, true
		c.Headers.All.SetFromContext = map[string]string{"X-From": "tenant"}
	}, router.Extensions{})
	for range 3 {
		_, body := h.do(t, "POST", "/graphql", `{"query":"{ secret }"}`)
		if got := h.last().Header.Get("X-From"); got != "acme" || !strings.Contains(body, `"secret":"s"`) {
			t.Errorf("X-From %q, got %s", got, body)
		}
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
	c.Canary.OverrideSubgraphURLs = config.SubgraphURLs{"a": {strings.Replace(c.OverrideSubgraphURLs["a"][0], "/graphql", "/canary", 1)}}
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
		`souk_router_cache_requests_total{cache="policy",result="miss",variant="canary"} 2`,
		`souk_router_cache_requests_total{cache="policy",result="hit",variant="canary"} 2`,
		`souk_router_cache_entries{cache="policy",variant="canary"} 2`,
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
