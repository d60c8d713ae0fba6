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

	"souk/router"
	"souk/router/compose"
	"souk/router/gateway/config"
	"souk/telemetry"
)

// taxed has a fast item a and a slow item b. Both need their price from p, and a then its tax
// from t.
var taxed = map[string]string{
	"a": `type Query { a: Item } type Item @key(fields: "id") { id: ID! }`,
	"b": `type Query { b: Item } type Item @key(fields: "id") { id: ID! }`,
	"p": `type Item @key(fields: "id") { id: ID! price: Int }`,
	"t": `type Item @key(fields: "id") { id: ID! price: Int @external tax: Int @requires(fields: "price") }`,
}

const (
	bothItems = `{"query":"{ a { price tax } b { price } }"}`
	bothWant  = `{"data":{"a":{"price":7,"tax":8},"b":{"price":7}}}`
)

// taxedServices are the subgraphs. Time passes only while one of them answers.
type taxedServices struct {
	now      atomic.Int64
	passing  atomic.Bool
	requests sync.Map // by subgraph: *atomic.Int64
	// held, unless nil, is what b waits for before it answers.
	held atomic.Pointer[chan struct{}]
	// arrived gets the name of the subgraph of each request while b is held.
	arrived chan string
}

var taxedLatencies = map[string]time.Duration{"a": 50 * time.Millisecond, "b": 700 * time.Millisecond, "p": 100 * time.Millisecond, "t": 50 * time.Millisecond}

func (s *taxedServices) count(subgraph string) *atomic.Int64 {
	n, _ := s.requests.LoadOrStore(subgraph, new(atomic.Int64))
	return n.(*atomic.Int64)
}

func (s *taxedServices) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	subgraph := strings.TrimPrefix(r.URL.Path, "/")
	var request struct {
		Variables struct {
			Representations []json.RawMessage `json:"representations"`
		} `json:"variables"`
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.count(subgraph).Add(1)
	if held := s.held.Load(); held != nil {
		s.arrived <- subgraph
		if subgraph == "b" {
			<-*held
		}
	}
	if s.passing.Load() {
		s.now.Add(int64(taxedLatencies[subgraph]))
	}
	w.Header().Set("Content-Type", "application/json")
	if entity := map[string]string{"p": `{"price":7}`, "t": `{"tax":8}`}[subgraph]; entity != "" {
		list := strings.Repeat(","+entity, len(request.Variables.Representations))[1:]
		fmt.Fprintf(w, `{"data":{"_entities":[%s]}}`, list)
		return
	}
	fmt.Fprintf(w, `{"data":{%q:{"__typename":"Item","id":"%s1"}}}`, subgraph, subgraph)
}

// ask sends a query, and returns the number of its requests to p.
func (s *taxedServices) ask(t *testing.T, url, query, want string) int64 {
	t.Helper()
	before := s.count("p").Load()
	if _, got := ask(t, "POST", url+"/graphql", query, posts); got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	return s.count("p").Load() - before
}

// measure lets the router measure the latencies, one subgraph at a time.
func (s *taxedServices) measure(t *testing.T, url string) {
	t.Helper()
	s.passing.Store(true)
	for range 60 {
		s.ask(t, url, `{"query":"{ a { tax } }"}`, `{"data":{"a":{"tax":8}}}`)
		s.ask(t, url, `{"query":"{ b { price } }"}`, `{"data":{"b":{"price":7}}}`)
	}
	s.passing.Store(false)
}

func newTaxed(t *testing.T) (*taxedServices, string, router.Options, config.Config) {
	t.Helper()
	s := &taxedServices{arrived: make(chan string, 10)}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	c := config.Default()
	c.QueryPlanner.WeighLatency = true
	c.OverrideSubgraphURLs = config.SubgraphURLs{}
	var parts []compose.Subgraph
	for _, name := range []string{"a", "b", "p", "t"} {
		c.OverrideSubgraphURLs[name] = []string{server.URL + "/" + name}
		parts = append(parts, compose.Subgraph{Name: name, URL: "http://" + name + ".invalid",
			SDL: `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@external", "@requires"])` + "\n" + taxed[name]})
	}
	graph, err := compose.Compose(t.Context(), parts)
	if err != nil {
		t.Fatal(err)
	}
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	s.now.Store(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano())
	o := router.Options{Supergraph: graph.SDL, Telemetry: tel}
	o.SetClock(func() time.Time { return time.Unix(0, s.now.Load()) })
	return s, server.URL, o, c
}

// await asks until something is the case.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !so() {
		if ctx.Err() != nil {
			t.Fatal("waiting in vain: " + what)
		}
	}
}

// When the router has learned that b is slow, the tax of a does not wait for it. The plan that
// was made before is replaced.
func TestFastBranchDoesNotWaitForSlowOne(t *testing.T) {
	s, _, o, c := newTaxed(t)
	r, err := router.New(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	public, admin := servePorts(t, r)
	if n := s.ask(t, public, bothItems, bothWant); n != 1 {
		t.Fatalf("%d requests to p before latencies are known", n)
	}
	// Nothing waits for the price, so this plan stays as it is.
	const prices, pricesWant = `{"query":"{ a { price } b { price } }"}`, `{"data":{"a":{"price":7},"b":{"price":7}}}`
	s.ask(t, public, prices, pricesWant)
	s.measure(t, public)
	await(t, "the plan asks p twice", func() bool { return s.ask(t, public, bothItems, bothWant) == 2 })
	if n := metric(t, admin, `souk_router_plans_replaced_total{result="changed"}`); n != 1 {
		t.Errorf("%v plans were replaced", n)
	}

	if n := s.ask(t, public, prices, pricesWant); n != 1 {
		t.Errorf("%d requests to p although nothing waits for it", n)
	}
	await(t, "the other plan is made again", func() bool {
		return metric(t, admin, `souk_router_plans_replaced_total{result="same"}`) == 1
	})

	held := make(chan struct{})
	s.held.Store(&held)
	var asking sync.WaitGroup
	asking.Go(func() { s.ask(t, public, bothItems, bothWant) })
	timeout := time.After(time.Minute)
	for waiting := true; waiting; {
		select {
		case subgraph := <-s.arrived:
			waiting = subgraph != "t"
		case <-timeout:
			t.Error("the tax of a waits for b")
			waiting = false
		}
	}
	close(held)
	asking.Wait()
}

// A new configuration keeps the latencies, and can turn them off.
func TestLatenciesSurviveReload(t *testing.T) {
	s, _, o, c := newTaxed(t)
	r, err := router.NewReloadable(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	public := httptest.NewServer(r.Handler())
	t.Cleanup(public.Close)
	s.measure(t, public.URL)
	if n := s.ask(t, public.URL, bothItems, bothWant); n != 2 {
		t.Fatalf("%d requests to p when latencies are known", n)
	}
	for _, want := range []int64{2, 1} {
		c.QueryPlanner.WeighLatency = want == 2
		c.Limits.MaxDepth++ // a change
		if err := r.Reconfigure(t.Context(), c, nil); err != nil {
			t.Fatal(err)
		}
		if n := s.ask(t, public.URL, bothItems, bothWant); n != want {
			t.Errorf("%d requests to p after a reload, want %d", n, want)
		}
	}
}
