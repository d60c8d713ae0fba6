package router_test

import (
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

	"souk/internal/loopback/loopbacktest"
	"souk/router"
	"souk/router/gateway/config"
	"souk/router/mock"
	"souk/telemetry"
)

// A replicated graph is a router whose subgraph "a" has several servers.
type replicated struct {
	*router.Reloadable
	config  config.Config
	public  string
	admin   string
	servers []*httptest.Server
	served  []atomic.Int64 // requests by server
}

func newReplicated(t *testing.T, n int, change func(*config.Config)) *replicated {
	t.Helper()
	r := &replicated{config: config.Default(), served: make([]atomic.Int64, n)}
	for i := range n {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			r.served[i].Add(1)
			_, _ = io.Copy(io.Discard, req.Body)
			hello(w, req)
		}))
		t.Cleanup(server.Close)
		r.servers = append(r.servers, server)
	}
	r.config.OverrideSubgraphURLs = config.SubgraphURLs{"a": r.urls()}
	r.config.Admin.Console.Enabled, r.config.Admin.Console.Token = true, "console-t0ken"
	if change != nil {
		change(&r.config)
	}
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if r.Reloadable, err = router.NewReloadable(t.Context(), r.config, router.Options{Supergraph: smallSDL, Telemetry: tel}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	r.public, r.admin = servePorts(t, r)
	return r
}

func (r *replicated) urls() (urls []string) {
	for _, server := range r.servers {
		urls = append(urls, server.URL+"/graphql")
	}
	return urls
}

// reconfigure gives the subgraph other URLs.
func (r *replicated) reconfigure(t *testing.T, urls ...string) {
	t.Helper()
	c := r.config
	c.OverrideSubgraphURLs = config.SubgraphURLs{"a": urls}
	if err := r.Reconfigure(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
}

// ask sends a query that must succeed.
func (r *replicated) ask(t *testing.T) {
	t.Helper()
	if response, body := ask(t, "POST", r.public+"/graphql", `{"query":"{ hello }"}`, posts); response.StatusCode != 200 || body != `{"data":{"hello":"hi"}}` {
		t.Fatalf("status %d, %s", response.StatusCode, body)
	}
}

// With one of three servers down, clients notice nothing. Metrics, readiness and the console show
// which URL is down. A reload without it removes it from all of them.
func TestOneOfSeveralURLsIsDown(t *testing.T) {
	r := newReplicated(t, 3, func(c *config.Config) {
		c.TrafficShaping.All.CircuitBreaker.Rest = time.Hour
	})
	urls := r.urls()
	r.servers[1].Close()
	state := func(url string) float64 {
		return metric(t, r.admin, fmt.Sprintf(`souk_router_subgraph_url_breaker_state{subgraph="a",url=%q}`, url))
	}
	for n := 0; state(urls[1]) != 2; n++ {
		if r.ask(t); n == 1000 {
			t.Fatal("the circuit breaker does not open")
		}
	}
	requests := func(url, result string) float64 {
		return metric(t, r.admin, fmt.Sprintf(`souk_router_subgraph_url_requests_total{result=%q,subgraph="a",url=%q}`, result, url))
	}
	failed := requests(urls[1], "failed")
	for range 100 {
		r.ask(t)
	}
	if got := requests(urls[1], "failed"); got != failed || failed != 2 {
		t.Errorf("%g requests fail at the URL before its circuit breaker opens, and %g in all", failed, got)
	}
	for _, i := range []int{0, 2} {
		if ok := requests(urls[i], "ok"); ok < 20 || int64(ok) != r.served[i].Load() || state(urls[i]) != 0 {
			t.Errorf("URL %d: %g requests, the server has %d; state %g", i, ok, r.served[i].Load(), state(urls[i]))
		}
	}
	if got := metric(t, r.admin, `souk_router_subgraph_breaker_state{subgraph="a"}`); got != 0 {
		t.Errorf("the breaker of the subgraph has state %g", got)
	}
	response, ready := ask(t, "GET", r.admin+"/readyz", "")
	for _, want := range []string{`"name":"subgraph/a","status":"UP"`, `"name":"subgraph_url/a ` + urls[0] + `","status":"UP"`, `"name":"subgraph_url/a ` + urls[1] + `","status":"DOWN"`} {
		if response.StatusCode != 200 || !strings.Contains(ready, want) {
			t.Errorf("/readyz has status %d and lacks %s: %s", response.StatusCode, want, ready)
		}
	}
	if shown := r.shown(t); len(shown) != 3 || shown[1] != (shownURL{urls[1], "failing", "open"}) || shown[2] != (shownURL{urls[2], "ok", "closed"}) {
		t.Errorf("the console shows %+v", shown)
	}

	r.reconfigure(t, urls[0], urls[2])
	r.ask(t)
	eventually(t, func() bool { // when the router before has ended
		_, text := ask(t, "GET", r.admin+"/metrics", "")
		return !strings.Contains(text, urls[1]) && strings.Contains(text, urls[0])
	})
	r.reconfigure(t, urls[0])
	r.ask(t)
	eventually(t, func() bool {
		_, text := ask(t, "GET", r.admin+"/metrics", "")
		return !strings.Contains(text, urls[0])
	})
	if shown := r.shown(t); shown != nil {
		t.Errorf("a subgraph with one URL is shown with %+v", shown)
	}
}

type shownURL struct{ URL, Health, Breaker string }

// shown returns the URLs of the subgraph in the console.
func (r *replicated) shown(t *testing.T) []shownURL {
	t.Helper()
	var list struct{ Subgraphs []struct{ URLs []shownURL } }
	_, body := ask(t, "GET", r.admin+"/console/api/subgraphs", "", "Authorization: Bearer console-t0ken")
	if err := json.Unmarshal([]byte(body), &list); err != nil || len(list.Subgraphs) != 1 {
		t.Fatalf("got %s (%v)", body, err)
	}
	return list.Subgraphs[0].URLs
}

// While servers stop one after the other, and the configuration follows, no request fails.
func TestServersAreReplacedUnderLoad(t *testing.T) {
	r := newReplicated(t, 4, nil)
	urls := r.urls()
	stop := make(chan struct{})
	var clients sync.WaitGroup
	var asked atomic.Int64
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				response, body := ask(t, "POST", r.public+"/graphql", `{"query":"{ hello }"}`, posts)
				if response.StatusCode != 200 || body != `{"data":{"hello":"hi"}}` {
					t.Errorf("status %d, %s", response.StatusCode, body)
				}
				asked.Add(1)
			}
		})
	}
	more := func() {
		reached := asked.Load() + 50
		eventually(t, func() bool { return asked.Load() >= reached })
	}
	more()
	for i := range 3 {
		r.servers[i].Close() // ends requests in progress first
		more()
		r.reconfigure(t, urls[i+1:]...)
		more()
	}
	close(stop)
	clients.Wait()
	if r.served[3].Load() == 0 {
		t.Error("the last server gets no requests")
	}
}

// Files reach each of several URLs.
func TestUploadsUseAllURLs(t *testing.T) {
	var served [2]atomic.Int64
	gqlgen := gqlgenServer(t)
	var urls []string
	for i := range served {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			served[i].Add(1)
			gqlgen(w, r)
		}))
		defer server.Close()
		urls = append(urls, server.URL+"/a")
	}
	at := serveRouter(t, composed(t, filesA, filesB), nil, gqlgen, withUploads(func(c *config.Config) { c.OverrideSubgraphURLs["a"] = urls }))
	const n = 60
	for range n {
		status, got := upload(t, at, `{"query":"mutation($f: Upload!) { upload(file: $f) }","variables":{"f":null}}`, `{"0":["variables.f"]}`, sentPart{"0", "x", "X"})
		if status != 200 || !strings.Contains(got, "file: x") {
			t.Fatalf("status %d, %s", status, got)
		}
	}
	if a, b := served[0].Load(), served[1].Load(); a+b != n || a == 0 || b == 0 {
		t.Errorf("the URLs have %d and %d of %d uploads", a, b, n)
	}
}

// A new supergraph waits until the server at each URL serves it, except one that does not respond.
func TestSupergraphWaitsForEveryURL(t *testing.T) {
	r := newRollout(t, time.Hour)
	var other atomic.Pointer[mock.Subgraph]
	other.Store(r.served["items"].Load())
	var asked atomic.Int64
	serve := func(handler func() http.Handler) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			asked.Add(1)
			handler().ServeHTTP(w, req)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	c := r.config
	c.OverrideSubgraphURLs = config.SubgraphURLs{"items": {
		serve(func() http.Handler { return r.served["items"].Load() }), serve(func() http.Handler { return other.Load() }), "http://" + loopbacktest.Address(t),
	}}
	if err := r.router.Reconfigure(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	r.deploy(t, "items", itemsV2)
	r.write(t, "items", itemsV2)
	eventually(t, func() bool { return strings.Contains(r.log.String(), "URL 2 of 3: it does not serve") })
	reached := asked.Load() + 4 // two checks
	eventually(t, func() bool { return asked.Load() >= reached })
	if !r.metric(t, "souk_router_supergraph_waiting 1") {
		t.Error("the new supergraph is in use although a URL does not serve it")
	}
	other.Store(r.served["items"].Load())
	eventually(t, func() bool { return r.metric(t, "souk_router_supergraph_waiting 0") })
	eventually(t, func() bool { return r.serves(t, "weight(unit: KG)") })
}
