package router_test

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"souk/internal/detach/detachtest"
	"souk/router"
	"souk/router/gateway/config"
	"souk/router/internal/redistest"
	"souk/telemetry"
)

// variants is a subgraph at two paths: /a for the main variant and /canary.
type variants struct {
	url       string
	mu        sync.Mutex
	requests  map[string]int // by path
	mutations map[string]int
	hold      atomic.Pointer[chan struct{}] // of requests to /canary
	fails     atomic.Pointer[string]        // the path that is unavailable
	value     atomic.Pointer[string]        // what /canary responds, if not its path
}

func newVariants(t *testing.T) *variants {
	v := &variants{requests: map[string]int{}, mutations: map[string]int{}}
	server := httptest.NewServer(v)
	t.Cleanup(server.Close)
	v.url = server.URL
	return v
}

func (v *variants) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	v.mu.Lock()
	v.requests[r.URL.Path]++
	if strings.Contains(string(body), "mutation") {
		v.mutations[r.URL.Path]++
	}
	v.mu.Unlock()
	if fails := v.fails.Load(); fails != nil && *fails == r.URL.Path {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	value := r.URL.Path
	if r.URL.Path == "/canary" {
		if hold := v.hold.Load(); hold != nil {
			<-*hold
		}
		if other := v.value.Load(); other != nil {
			value = *other
		}
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"data":{"hello":%q,"fresh":%q,"change":%q}}`, value, value, value)
}

func (v *variants) count(of map[string]int, path string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return of[path]
}

const canaryGraph = `type Query { hello: String }  type Mutation { change: String }`

// start starts a router with a canary at another URL of the subgraph.
func (v *variants) start(t *testing.T, log io.Writer, configure func(*config.Config)) (at, admin string, r *router.Reloadable, c config.Config) {
	t.Helper()
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: log})
	if err != nil {
		t.Fatal(err)
	}
	c = config.Default()
	c.OverrideSubgraphURLs = config.SubgraphURLs{"a": {v.url + "/a"}}
	c.Canary.OverrideSubgraphURLs = config.SubgraphURLs{"a": {v.url + "/canary"}}
	c.Supergraph.PollInterval = 10 * time.Millisecond
	if configure != nil {
		configure(&c)
	}
	o := router.Options{Telemetry: tel}
	if c.Supergraph.File == "supergraph.graphql" {
		o.Supergraph = composed(t, canaryGraph, "type Query { other: String }")
	}
	if r, err = router.NewReloadable(t.Context(), c, o); err != nil {
		t.Fatal(err)
	}
	public, private := detachtest.NewServer(r.Handler()), httptest.NewServer(r.Admin())
	t.Cleanup(func() {
		public.Close()
		private.Close()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return public.URL, private.URL, r, c
}

func sayHello(t *testing.T, at string, headers ...string) string {
	t.Helper()
	_, body := ask(t, "POST", at+"/graphql", `{"query":"{ hello }"}`, append(headers, posts)...)
	return body
}

// metric returns the value of a time series, or 0.
func metric(t *testing.T, admin, series string) (value float64) {
	t.Helper()
	_, body := ask(t, "GET", admin+"/metrics", "")
	for line := range strings.Lines(body) {
		if rest, ok := strings.CutPrefix(line, series+" "); ok {
			_, _ = fmt.Sscan(rest, &value)
		}
	}
	return value
}

// A share of the clients gets the canary, each always the same variant, and metrics count both.
func TestCanaryServesItsShare(t *testing.T) {
	v := newVariants(t)
	at, admin, r, c := v.start(t, io.Discard, func(c *config.Config) { c.Canary.Percent, c.Canary.By, c.Canary.Header = 50, "header", "X-Tenant" })
	served := map[string]int{}
	const tenants = 100
	for tenant := range tenants {
		header := fmt.Sprintf("X-Tenant: %d", tenant)
		first := sayHello(t, at, header)
		if second := sayHello(t, at, header); first != second {
			t.Errorf("tenant %d gets %s and %s", tenant, first, second)
		}
		served[first]++
	}
	if n := served[`{"data":{"hello":"/canary"}}`]; n < 30 || n > 70 || served[`{"data":{"hello":"/a"}}`] != tenants-n {
		t.Errorf("variants of %d tenants: %v", tenants, served)
	}
	for variant, answer := range map[string]string{"main": "/a", "canary": "/canary"} {
		series := fmt.Sprintf(`souk_router_canary_operation_duration_seconds_count{outcome="ok",variant=%q}`, variant)
		if got, want := metric(t, admin, series), 2*served[fmt.Sprintf(`{"data":{"hello":%q}}`, answer)]; got != float64(want) {
			t.Errorf("%s = %g, want %d", series, got, want)
		}
	}
	c.Canary.Percent = 0
	if err := r.Reconfigure(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	for tenant := range 20 {
		if got := sayHello(t, at, fmt.Sprintf("X-Tenant: %d", tenant)); !strings.Contains(got, "/a") {
			t.Errorf("after the share has become 0: %s", got)
		}
	}
}

// The canary has another supergraph, and follows its file.
func TestCanaryHasItsOwnSupergraph(t *testing.T) {
	v := newVariants(t)
	file, next := filepath.Join(t.TempDir(), "main.graphql"), filepath.Join(t.TempDir(), "next.graphql")
	write := func(file, sdl string) {
		if err := os.WriteFile(file, []byte(composed(t, sdl, "type Query { other: String }")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(file, canaryGraph)
	write(next, canaryGraph)
	at, _, _, _ := v.start(t, io.Discard, func(c *config.Config) {
		c.Supergraph.File, c.Canary.Supergraph, c.Canary.Percent, c.Canary.By, c.Canary.Header = file, next, 50, "header", "X-Tenant"
	})
	fresh := func() (served int) {
		for tenant := range 40 {
			_, body := ask(t, "POST", at+"/graphql", `{"query":"{ fresh }"}`, posts, fmt.Sprintf("X-Tenant: %d", tenant))
			if strings.Contains(body, `"fresh":"/canary"`) {
				served++
			} else if !strings.Contains(body, "GRAPHQL_VALIDATION_FAILED") {
				t.Fatalf("got %s", body)
			}
		}
		return served
	}
	if n := fresh(); n != 0 {
		t.Errorf("%d of 40 have a field that no supergraph has", n)
	}
	write(next, strings.Replace(canaryGraph, "hello: String", "hello: String fresh: String", 1))
	eventually(t, func() bool { n := fresh(); return n > 5 && n < 35 })
}

// Variants share neither cached responses nor rate limits.
func TestVariantsShareNoState(t *testing.T) {
	v := newVariants(t)
	server := redistest.Start(t, redistest.Options{})
	at, admin, _, _ := v.start(t, io.Discard, func(c *config.Config) {
		c.Canary.Percent, c.Canary.By, c.Canary.Header = 50, "header", "X-Tenant"
		c.ResponseCache.Enabled = true
		c.ResponseCache.Redis.URL = "redis://" + server.Addr
		c.ResponseCache.Redis.Timeout = 5 * time.Second
		c.ResponseCache.Invalidation.Token = "secret"
		c.ResponseCache.Subgraph.Subgraphs = map[string]config.SubgraphCache{"a": {Root: []string{"hello"}, Shared: true}}
		c.RateLimit.Enabled, c.RateLimit.Requests, c.RateLimit.Interval, c.RateLimit.By = true, 1000, time.Hour, "all"
		c.RateLimit.Redis.URL = "redis://" + server.Addr
		c.RateLimit.Redis.Timeout = 5 * time.Second
	})
	of := map[string]string{} // a header by variant
	remaining := map[string]string{}
	for tenant := range 30 {
		header := fmt.Sprintf("X-Tenant: %d", tenant)
		r, body := ask(t, "POST", at+"/graphql", `{"query":"{ hello }"}`, posts, header)
		for _, variant := range []string{"/a", "/canary"} {
			if strings.Contains(body, `"`+variant+`"`) {
				of[variant] = header
				remaining[variant] = r.Header.Get("RateLimit")
			}
		}
	}
	if len(of) != 2 || remaining["/a"] == "" || remaining["/a"] == remaining["/canary"] {
		t.Fatalf("variants %v with the rate limits %v", of, remaining)
	}
	eventually(t, func() bool { // both are cached
		before := v.count(v.requests, "/a") + v.count(v.requests, "/canary")
		a, canary := sayHello(t, at, of["/a"]), sayHello(t, at, of["/canary"])
		if !strings.Contains(a, `"/a"`) || !strings.Contains(canary, `"/canary"`) {
			t.Fatalf("got %s and %s", a, canary)
		}
		return before == v.count(v.requests, "/a")+v.count(v.requests, "/canary")
	})
	other := "changed"
	v.value.Store(&other)
	invalidate(t, admin, `[{"cache_tag":"none"}]`, http.StatusNoContent)
	if got := sayHello(t, at, of["/canary"]); !strings.Contains(got, `"/canary"`) {
		t.Errorf("the canary's response is not cached: %s", got)
	}
}

// Copies of queries are compared, and mutations are never copied. What the copies do appears in
// no other metric, and the log has no values.
func TestShadowComparesCopiesOfQueries(t *testing.T) {
	v := newVariants(t)
	log := &lockedBuffer{}
	at, admin, _, _ := v.start(t, log, func(c *config.Config) { c.Canary.Mode, c.Canary.Percent, c.HTTP.Batching.Enabled = "shadow", 100, true })
	result := func(name string) float64 {
		return metric(t, admin, fmt.Sprintf(`souk_router_canary_shadow_total{result=%q}`, name))
	}
	same := "/a"
	v.value.Store(&same)
	if got := sayHello(t, at); got != `{"data":{"hello":"/a"}}` {
		t.Fatalf("got %s", got)
	}
	eventually(t, func() bool { return result("equal") == 1 })
	secret := "s3cret-value"
	v.value.Store(&secret)
	sayHello(t, at, "Accept-Encoding: gzip")
	eventually(t, func() bool { return result("different") == 1 })
	if text := log.String(); !strings.Contains(text, "data.hello: another string") || strings.Contains(text, secret) {
		t.Errorf("the log: %s", text)
	}
	operations := metric(t, admin, `souk_router_operations_total{outcome="data"}`)
	for _, body := range []string{`{"query":"mutation { change }"}`, `[{"query":"mutation { change }"},{"query":"{ hello }"}]`} {
		if _, got := ask(t, "POST", at+"/graphql", body, posts); !strings.Contains(got, `"change":"/a"`) {
			t.Errorf("%s: got %s", body, got)
		}
	}
	eventually(t, func() bool { return result("skipped") == 2 })
	for outcome, want := range map[string]float64{"ok": 3, "errors": 0} { // the query of the batch is executed
		if got := metric(t, admin, fmt.Sprintf(`souk_router_canary_operation_duration_seconds_count{outcome=%q,variant="shadow"}`, outcome)); got != want {
			t.Errorf("%g operations of the canary have the outcome %s, want %g", got, outcome, want)
		}
	}
	if n := v.count(v.mutations, "/canary"); n != 0 {
		t.Errorf("the canary got %d mutations", n)
	}
	if n := metric(t, admin, `souk_router_operations_total{outcome="data"}`) - operations; n != 3 {
		t.Errorf("%g operations are counted for 3", n)
	}
}

// What a canary logs tells its variant, and what the router logs has none.
func TestLogsTellVariants(t *testing.T) {
	for mode, variant := range map[string]string{"": "canary", "shadow": "shadow"} {
		t.Run(variant, func(t *testing.T) {
			v, log := newVariants(t), &lockedBuffer{}
			down := "/down"
			v.fails.Store(&down)
			at, _, _, _ := v.start(t, log, func(c *config.Config) {
				c.Canary.Mode, c.Canary.Percent = cmp.Or(mode, c.Canary.Mode), 100
				c.Canary.OverrideSubgraphURLs = config.SubgraphURLs{"a": {v.url + down}}
				c.Telemetry.SubgraphErrors.Log = true
				c.TrafficShaping.All.CircuitBreaker.MinRequests = 2
			})
			messages := []string{"subgraph error", "dependency failed", "circuit breaker changed state"}
			eventually(t, func() bool {
				sayHello(t, at)
				text := log.String()
				return !slices.ContainsFunc(messages, func(m string) bool { return !strings.Contains(text, m) })
			})
			loaded := 0
			for line := range strings.Lines(log.String()) {
				of := strings.Contains(line, fmt.Sprintf(`"variant":%q`, variant))
				if slices.ContainsFunc(messages, func(m string) bool { return strings.Contains(line, m) }) && !of {
					t.Errorf("the log has %s", line)
				}
				if strings.Contains(line, "supergraph loaded") && !strings.Contains(line, `"variant"`) {
					loaded++
				}
			}
			if loaded != 1 {
				t.Errorf("%d messages about the router's supergraph have no variant", loaded)
			}
		})
	}
}

// A canary that hangs delays no client: copies wait in a queue and are dropped when it is full.
func TestShadowDropsCopiesWhenItsQueueIsFull(t *testing.T) {
	v := newVariants(t)
	at, admin, _, _ := v.start(t, io.Discard, func(c *config.Config) {
		c.Canary.Mode, c.Canary.Percent, c.Canary.Shadow = "shadow", 100, config.CanaryShadow{Queue: 2, Concurrency: 1, MaxBytes: 1000}
		c.TrafficShaping.Router.Deduplicate = new(false)
		no := false
		c.TrafficShaping.All.DeduplicateQuery = &no
	})
	hold := make(chan struct{})
	v.hold.Store(&hold)
	for range 10 {
		if got := sayHello(t, at); got != `{"data":{"hello":"/a"}}` {
			t.Fatalf("got %s", got)
		}
	}
	total := func() (n float64) {
		for _, result := range []string{"equal", "different", "dropped"} {
			n += metric(t, admin, fmt.Sprintf(`souk_router_canary_shadow_total{result=%q}`, result))
		}
		return n
	}
	if n := metric(t, admin, `souk_router_canary_shadow_total{result="dropped"}`); n < 7 || n > 8 {
		t.Errorf("%g copies are dropped, want 7 or 8 of 10 with one that runs and two that wait", n)
	}
	close(hold)
	eventually(t, func() bool { return total() == 10 })
}
