package router_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"souk/router"
	"souk/router/gateway/config"
)

// A smallService works on as many requests at once as it has workers; further ones wait. Each takes
// one tick of the test's clock.
type smallService struct {
	router   http.Handler
	now      atomic.Int64 // nanoseconds of the clock
	capacity int

	arrived chan struct{}
	workers chan struct{}
	finish  chan struct{}
	results chan *httptest.ResponseRecorder // of clients
	waiting int                             // requests that have arrived and not ended
	ended   chan struct{}                   // closed at the end of the test
}

const tick = 20 * time.Millisecond

func (s *smallService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	if s.put(s.arrived) && s.put(s.workers) && s.take(s.finish) && s.take(s.workers) {
		hello(w, r)
	}
}

func (s *smallService) put(to chan struct{}) bool {
	select {
	case to <- struct{}{}:
		return true
	case <-s.ended:
		return false
	}
}

func (s *smallService) take(from chan struct{}) bool {
	select {
	case <-from:
		return true
	case <-s.ended:
		return false
	}
}

// send sends requests, one after the other, until each has arrived or was refused. It returns how
// many were refused.
func (s *smallService) send(t *testing.T, n int) (refused int) {
	t.Helper()
	for range n {
		go func() {
			r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(`{"query":"{ hello }"}`))
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			s.router.ServeHTTP(w, r)
			s.results <- w
		}()
		select {
		case <-s.arrived:
			s.waiting++
		case w := <-s.results:
			refused++
			if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), "SUBGRAPH_OVERLOADED") {
				t.Fatalf("refused with status %d, Retry-After %q, %s", w.Code, w.Header().Get("Retry-After"), w.Body)
			}
		}
	}
	return refused
}

// step lets a tick pass: as many requests end as there are workers. All must have succeeded.
func (s *smallService) step(t *testing.T) {
	t.Helper()
	s.now.Add(int64(tick))
	n := min(s.waiting, s.capacity)
	for range n {
		s.finish <- struct{}{}
	}
	for range n {
		if w := <-s.results; w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"hi"`) {
			t.Fatalf("a request that was sent has status %d, %s", w.Code, w.Body)
		}
	}
	s.waiting -= n
}

// startSmall starts a router with an adaptive limit of a small service, and returns the URL of its
// admin port.
func startSmall(t *testing.T, capacity int, limit config.AdaptiveLimit) (s *smallService, admin string) {
	t.Helper()
	s = &smallService{
		capacity: capacity, arrived: make(chan struct{}), workers: make(chan struct{}, capacity), finish: make(chan struct{}),
		results: make(chan *httptest.ResponseRecorder, 2*limit.Initial), ended: make(chan struct{}),
	}
	yes, no := true, false
	limit.Enabled = &yes
	o := router.Options{Supergraph: smallSDL}
	o.SetClock(func() time.Time { return time.Unix(0, s.now.Load()) })
	r := newRouterWith(t, o, s, func(c *config.Config) {
		c.TrafficShaping.Router.Timeout, c.TrafficShaping.All.Timeout = time.Hour, time.Hour
		c.TrafficShaping.All.DeduplicateQuery = &no
		c.TrafficShaping.All.AdaptiveLimit = limit
	})
	t.Cleanup(func() { close(s.ended) }) // before the servers are closed
	s.router = r.Handler()
	server := httptest.NewServer(r.Admin())
	t.Cleanup(server.Close)
	return s, server.URL
}

func smallLimit(t *testing.T, admin string) int {
	t.Helper()
	return int(metric(t, admin, `souk_router_subgraph_concurrency_limit{subgraph="a"}`))
}

// Under overload, the limit of a subgraph comes down to what it can do, the requests beyond it are
// refused, and all others succeed. With less load, nothing is refused, and the limit grows with the
// load again. The subgraph is a real server; the clock of the limit is the test's, so the speed of
// the machine has no influence.
func TestAdaptiveLimitFollowsTheSubgraph(t *testing.T) {
	const capacity, overload, most = 10, 60, 500
	s, admin := startSmall(t, capacity, config.AdaptiveLimit{Min: 2, Max: 200, Initial: overload, Tolerance: 2})
	limit := func() int { return smallLimit(t, admin) }

	for range 20 { // half of the capacity: the latency without load
		if refused := s.send(t, capacity/2); refused > 0 {
			t.Fatalf("%d requests are refused without load", refused)
		}
		s.step(t)
	}
	began, refused := limit(), 0
	for n := 0; limit() > 3*capacity; n++ {
		if refused += s.send(t, overload-min(s.waiting, overload)); n == most {
			t.Fatalf("after %d ticks of overload, the limit is %d", n, limit())
		}
		s.step(t)
	}
	for range 50 { // it stays there
		refused += s.send(t, overload-min(s.waiting, overload))
		s.step(t)
	}
	low := limit()
	if refused == 0 || low < capacity || low > 4*capacity || began < overload {
		t.Errorf("%d requests are refused under overload, and the limit went from %d to %d", refused, began, low)
	}
	for s.waiting > 0 {
		s.step(t)
	}
	// The server has more workers, and as many requests come as the limit lets through.
	s.capacity, s.workers = overload, make(chan struct{}, overload)
	for n := 0; limit() < overload; n++ {
		if s.send(t, limit()*9/10); n == most {
			t.Fatalf("after %d ticks of less load, the limit is %d", n, limit())
		}
		s.step(t)
	}
	if n := s.send(t, overload*8/10); n > 0 {
		t.Errorf("after the overload, %d requests are refused", n)
	}
	s.step(t)
	if got := metric(t, admin, `souk_router_subgraph_shed_total{subgraph="a"}`); int(got) < refused {
		t.Errorf("%g requests are counted as refused, want %d", got, refused)
	}
}

// An overload that lasts does not raise the limit, though the lowest one is more than the subgraph can
// do at a time: the latency without load is measured again with less than that.
func TestAdaptiveLimitStaysLowUnderLastingOverload(t *testing.T) {
	const capacity, least = 4, 12
	s, admin := startSmall(t, capacity, config.AdaptiveLimit{Min: least, Max: 200, Initial: 20, Tolerance: 1.5})
	for range 50 { // the latency without load
		if refused := s.send(t, capacity/2); refused > 0 {
			t.Fatalf("%d requests are refused without load", refused)
		}
		s.step(t)
	}
	const between = 25 // ticks between two looks at the limit
	highest, refused := 0, 0
	for n := range int(45 * time.Second / tick) { // it is measured every 20 s
		for again := 0; again == 0; refused += again {
			again = s.send(t, 1)
		}
		s.step(t)
		if n > 10*between && n%between == 0 {
			highest = max(highest, smallLimit(t, admin))
		}
	}
	if most := least + 3; highest > most || highest < least || refused == 0 {
		t.Errorf("the limit was up to %d, want %d to %d; %d requests were refused", highest, least, most, refused)
	}
	for s.waiting > 0 {
		s.step(t)
	}
}

// Requests with files count for the adaptive limit of their subgraph.
func TestUploadsHaveAnAdaptiveLimit(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	yes := true
	gqlgen := gqlgenServer(t)
	at := serveRouter(t, composed(t, filesA, filesB), nil, func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-release
		gqlgen(w, r)
	}, withUploads(func(c *config.Config) {
		c.TrafficShaping.All.AdaptiveLimit = config.AdaptiveLimit{Enabled: &yes, Min: 1, Max: 1, Initial: 1}
	}))
	send := func() (int, string) {
		return upload(t, at, `{"query":"mutation($f: Upload!) { upload(file: $f) }","variables":{"f":null}}`, `{"0":["variables.f"]}`, sentPart{"0", "x", "X"})
	}
	for round := range 3 {
		ended := make(chan string, 1)
		go func() {
			status, got := send()
			ended <- fmt.Sprint(status, got)
		}()
		<-arrived
		if status, got := send(); status != http.StatusServiceUnavailable || !strings.Contains(got, "SUBGRAPH_OVERLOADED") {
			t.Errorf("round %d: a second upload has status %d, %s", round, status, got)
		}
		if r, got := ask(t, "POST", at+"/graphql", `{"query":"{ named }"}`, posts); r.StatusCode != http.StatusServiceUnavailable || !strings.Contains(got, "SUBGRAPH_OVERLOADED") {
			t.Errorf("round %d: a query has status %d, %s", round, r.StatusCode, got)
		}
		release <- struct{}{}
		if got := <-ended; !strings.HasPrefix(got, "200") || !strings.Contains(got, "file: x") {
			t.Errorf("round %d: got %s", round, got)
		}
	}
}
