package router_test

import (
	"context"
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
	"souk/router/gateway/config"
	"souk/router/internal/redistest"
)

// A heldService has accounts whose balance is the number of fetches. Each fetch is sent to
// arrived, and continues with the function that the test sends back.
type heldService struct {
	fetches atomic.Int32
	arrived chan chan http.HandlerFunc
	control string
}

func newHeldService(control string) *heldService {
	return &heldService{arrived: make(chan chan http.HandlerFunc, 100), control: control}
}

func (s *heldService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/a" && !strings.Contains(string(body), "mine") {
		fmt.Fprint(w, `{"data":{"account":{"__typename":"Account","id":"1"}}}`)
		return
	}
	n, proceed := s.fetches.Add(1), make(chan http.HandlerFunc, 1)
	s.arrived <- proceed
	select {
	case next := <-proceed:
		w.Header().Set("Cache-Control", s.control)
		switch {
		case next != nil:
			next(w, r)
		case r.URL.Path == "/a":
			fmt.Fprintf(w, `{"data":{"mine":"%d"}}`, n)
		default:
			fmt.Fprintf(w, `{"data":{"_entities":[{"__typename":"Account","balance":"%d"}]}}`, n)
		}
	case <-r.Context().Done():
	}
}

// fetch returns the next fetch that has arrived.
func (s *heldService) fetch(t *testing.T) chan<- http.HandlerFunc {
	t.Helper()
	select {
	case proceed := <-s.arrived:
		return proceed
	case <-time.After(30 * time.Second):
		t.Fatal("no fetch has arrived after 30 s")
		return nil
	}
}

// replicas are two routers that share a Redis.
type replicas struct {
	t       *testing.T
	service *heldService
	redis   *redistest.Server
	nodes   []*redistest.Server // all servers: redis, or the nodes of a Redis Cluster
	routers [2]*router.Router
	urls    [2]string
}

func startReplicas(t *testing.T, s *heldService, configure func(*config.Config)) *replicas {
	t.Helper()
	server := redistest.Start(t, redistest.Options{})
	return startReplicasAt(t, s, config.Redis{URL: "redis://" + server.Addr}, []*redistest.Server{server}, configure)
}

// startReplicasAt starts routers with a connection to servers.
func startReplicasAt(t *testing.T, s *heldService, connection config.Redis, servers []*redistest.Server, configure func(*config.Config)) *replicas {
	t.Helper()
	p := &replicas{t: t, service: s, redis: servers[0], nodes: servers}
	connection.Timeout = 5 * time.Second // test machines may be busy
	sdl := composed(t, accountsA, accountsB)
	for i := range p.routers {
		p.routers[i] = newRouter(t, sdl, nil, s.ServeHTTP, func(c *config.Config) {
			c.Dev = true
			c.ResponseCache.Enabled = true
			c.ResponseCache.Redis = connection
			c.ResponseCache.RefillWait = time.Minute
			c.TrafficShaping.Router.Deduplicate = new(false) // each request comes to the cache
			c.ResponseCache.Invalidation = config.CacheInvalidation{Stream: "events", Events: map[string][]string{"changed": {"Account"}}}
			c.ResponseCache.Subgraph.Subgraphs = map[string]config.SubgraphCache{"a": {Root: []string{"mine"}}, "b": {Types: []string{"Account"}}}
			configure(c)
		})
		server := httptest.NewServer(p.routers[i].Handler())
		t.Cleanup(server.Close)
		p.urls[i] = server.URL
		eventually(t, func() bool { return p.metric(i, "souk_router_entity_cache_available") == "1" })
	}
	return p
}

// metric returns the value of a time series of a router, or "".
func (p *replicas) metric(i int, series string) string {
	w := httptest.NewRecorder()
	p.routers[i].Admin().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// waiting waits until so many requests to a router wait for entries.
func (p *replicas) waiting(i, n int) {
	p.t.Helper()
	eventually(p.t, func() bool { return p.metric(i, "souk_router_entity_cache_waiting") == fmt.Sprint(n) })
}

// query sends a query to a router; the channel receives the body of the response.
func (p *replicas) query(ctx context.Context, i int, query string) <-chan string {
	got := make(chan string, 1)
	go func() {
		r, _ := http.NewRequestWithContext(ctx, http.MethodPost, p.urls[i]+"/graphql", strings.NewReader(`{"query":"`+query+`"}`))
		r.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			got <- err.Error()
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		got <- string(body)
	}()
	return got
}

func (p *replicas) wants(got <-chan string, value int32) {
	p.t.Helper()
	if body := <-got; !strings.Contains(body, fmt.Sprintf(`":"%d"`, value)) || strings.Contains(body, `"errors"`) {
		p.t.Errorf("got %s, want the value %d", body, value)
	}
}

// noLease waits until Redis has no lease.
func (p *replicas) noLease() {
	p.t.Helper()
	eventually(p.t, func() bool { return p.keys("*}:l:*") == 0 })
}

// keys returns how many keys of a pattern all servers have, or -1.
func (p *replicas) keys(pattern string) (n int) {
	for _, node := range p.nodes {
		keys, err := node.Client.Keys(p.t.Context(), pattern).Result()
		if err != nil {
			return -1
		}
		n += len(keys)
	}
	return n
}

var heldQueries = map[string]string{"entity": "{ account { balance } }", "root field": "{ mine }"}

func TestOneRouterFetchesWhatAllNeed(t *testing.T) {
	for what, query := range heldQueries {
		for _, before := range []string{"missing", "expired"} {
			t.Run(before+" "+what, func(t *testing.T) {
				s := newHeldService("public, max-age=60")
				p := startReplicas(t, s, func(*config.Config) {})
				if before == "expired" {
					p.expire(query)
				}
				fetches := s.fetches.Load() + 1
				const each = 10
				first := p.query(t.Context(), 0, query)
				proceed := s.fetch(t)
				var others []<-chan string
				for i := range p.routers {
					for range each {
						others = append(others, p.query(t.Context(), i, query))
					}
					p.waiting(i, each)
				}
				proceed <- nil
				p.wants(first, fetches)
				for _, other := range others {
					p.wants(other, fetches)
				}
				if n := s.fetches.Load(); n != fetches {
					t.Errorf("the subgraph got %d requests, want %d", n, fetches)
				}
				for i := range p.routers {
					if got := p.metric(i, `souk_router_entity_cache_wait_seconds_count{result="filled"}`); got != fmt.Sprint(each) {
						t.Errorf("router %d: %s waits found a value, want %d", i, got, each)
					}
				}
				p.noLease()
			})
		}
	}
}

// expire fetches an entry and waits until it has expired.
func (p *replicas) expire(query string) {
	p.t.Helper()
	got := p.query(p.t.Context(), 0, query)
	p.service.fetch(p.t) <- func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=1")
		fmt.Fprint(w, `{"data":{"mine":"1","_entities":[{"__typename":"Account","balance":"1"}]}}`)
	}
	p.wants(got, 1)
	stored := func() bool {
		return p.metric(0, `souk_router_entity_cache_stores_total{subgraph="a",type="Query"}`) == "1" ||
			p.metric(0, `souk_router_entity_cache_stores_total{subgraph="b",type="Account"}`) == "1"
	}
	eventually(p.t, func() bool {
		return stored() && p.keys("*}:v:*") == 0
	})
}

// Whatever happens to the request that fetches, those that wait for it fetch on their own.
func TestRequestsThatWaitForAFailedRefillFetch(t *testing.T) {
	for end, fail := range map[string]http.HandlerFunc{
		"status 500":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"no connection": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"an error":      func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"errors":[{"message":"no"}]}`) },
		"no-store": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", "no-store")
			fmt.Fprint(w, `{"data":{"mine":"1","_entities":[{"__typename":"Account","balance":"1"}]}}`)
		},
		"the client leaves": nil,
	} {
		for what, query := range heldQueries {
			t.Run(end+" of "+what, func(t *testing.T) {
				s := newHeldService("public, max-age=60")
				p := startReplicas(t, s, func(c *config.Config) { c.TrafficShaping.All.Retry.MaxAttempts = 1 })
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				first := p.query(ctx, 0, query)
				proceed := s.fetch(t)
				others := []<-chan string{p.query(t.Context(), 0, query), p.query(t.Context(), 1, query), p.query(t.Context(), 1, query)}
				p.waiting(0, 1)
				p.waiting(1, 2)
				if fail == nil {
					leave()
				} else {
					proceed <- fail
				}
				<-first
				// None waits for another one: all have begun before one ends. Requests of one
				// router share their fetches.
				for _, proceed := range []chan<- http.HandlerFunc{s.fetch(t), s.fetch(t)} {
					proceed <- nil
				}
				for _, other := range others {
					if body := <-other; strings.Contains(body, `"errors"`) || !strings.Contains(body, `":"`) {
						t.Errorf("got %s", body)
					}
				}
			})
		}
	}
}

// A router that hangs delays the others for a bounded time, and leaves no lease.
func TestWaitForARefillIsBounded(t *testing.T) {
	s := newHeldService("public, max-age=60")
	p := startReplicas(t, s, func(c *config.Config) { c.ResponseCache.RefillWait = 100 * time.Millisecond })
	first := p.query(t.Context(), 0, "{ mine }")
	proceed := s.fetch(t)
	second := p.query(t.Context(), 1, "{ mine }")
	s.fetch(t) <- nil
	p.wants(second, 2)
	p.noLease()
	proceed <- nil
	p.wants(first, 1)
}

// A request that waits when Redis stops, or no longer responds, fetches on its own.
func TestRequestsDoNotWaitForRefillsWithoutRedis(t *testing.T) {
	for what, fail := range map[string]func(*replicas){
		"stopped": func(p *replicas) { p.redis.Kill() },
		"slow": func(p *replicas) {
			if err := p.redis.Client.Do(p.t.Context(), "CLIENT", "PAUSE", "60000", "ALL").Err(); err != nil {
				p.t.Fatal(err)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			s := newHeldService("public, max-age=60")
			p := startReplicas(t, s, func(c *config.Config) { c.ResponseCache.Redis.Timeout = 500 * time.Millisecond })
			first := p.query(t.Context(), 0, "{ mine }")
			proceed := s.fetch(t)
			second := p.query(t.Context(), 1, "{ mine }")
			p.waiting(1, 1)
			fail(p)
			s.fetch(t) <- nil
			p.wants(second, 2)
			third := p.query(t.Context(), 1, "{ account { balance } }") // without Redis
			s.fetch(t) <- nil
			p.wants(third, 3)
			proceed <- nil
			p.wants(first, 1)
		})
	}
}

// A value that is invalidated while it is fetched is not waited for.
func TestRequestsAfterAnInvalidationDoNotWaitForEarlierRefills(t *testing.T) {
	s := newHeldService("public, max-age=60")
	p := startReplicas(t, s, func(*config.Config) {})
	const query = "{ account { balance } }"
	first := p.query(t.Context(), 0, query)
	proceed := s.fetch(t)
	waits := p.query(t.Context(), 1, query)
	p.waiting(1, 1)
	add(t, p.redis, "changed", "1")
	again := s.fetch(t) // of the request that waits
	again <- nil
	p.wants(waits, 2)
	proceed <- nil
	p.wants(first, 1)
	// The outdated value may have replaced the other one, but is not used.
	if body := p.answered(p.query(t.Context(), 1, query)); strings.Contains(body, `"1"`) {
		t.Errorf("got the outdated %s", body)
	}
}

// answered returns the body of a response, and lets fetches proceed until then.
func (p *replicas) answered(got <-chan string) string {
	for {
		select {
		case body := <-got:
			return body
		case proceed := <-p.service.arrived:
			proceed <- nil
		}
	}
}

// A query after an invalidation may share the response of one from before. It is not stored.
func TestSharedResponsesFromBeforeAnInvalidationAreNotStored(t *testing.T) {
	for what, invalidations := range map[string]int{"no invalidation": 0, "an invalidation": 1} {
		t.Run(what, func(t *testing.T) {
			s := newHeldService("public, max-age=60")
			p := startReplicas(t, s, func(c *config.Config) { c.ResponseCache.RefillWait = 0 })
			const query = "{ account { balance } }"
			first := p.query(t.Context(), 0, query)
			proceed := s.fetch(t)
			for range invalidations {
				add(t, p.redis, "changed", "1")
				eventually(t, func() bool {
					return p.metric(0, `souk_router_entity_cache_invalidations_total{source="event",type="Account"}`) == "1"
				})
			}
			second := p.query(t.Context(), 0, query)
			eventually(t, func() bool { return p.metric(0, `souk_router_subgraph_requests_in_flight{subgraph="b"}`) == "2" })
			proceed <- nil
			p.wants(first, 1)
			p.answered(second)
			body := p.answered(p.query(t.Context(), 0, query))
			if cached := strings.Contains(body, `:"1"`); cached != (invalidations == 0) {
				t.Errorf("got %s", body)
			}
		})
	}
}

// Of the routers that use an expired entry, one fetches it again.
func TestOneRouterRefreshesAnExpiredEntry(t *testing.T) {
	s := newHeldService("public, max-age=1")
	week := 7 * 24 * time.Hour
	p := startReplicas(t, s, func(c *config.Config) { c.ResponseCache.Subgraph.All.StaleWhileRevalidate = &week })
	first := p.query(t.Context(), 0, "{ mine }")
	s.fetch(t) <- nil
	p.wants(first, 1)
	var proceed chan<- http.HandlerFunc
	eventually(t, func() bool { // until the value has expired
		p.wants(p.query(t.Context(), 0, "{ mine }"), 1)
		select {
		case proceed = <-s.arrived:
			return true
		default:
			return false
		}
	})
	var responses sync.WaitGroup
	for range 20 {
		responses.Go(func() { p.wants(p.query(t.Context(), 1, "{ mine }"), 1) })
	}
	responses.Wait()
	// The new value does not expire while the test looks for it.
	proceed <- func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=3600")
		fmt.Fprint(w, `{"data":{"mine":"2"}}`)
	}
	eventually(t, func() bool { return strings.Contains(<-p.query(t.Context(), 1, "{ mine }"), `"2"`) })
	if n := s.fetches.Load(); n != 2 {
		t.Errorf("the subgraph got %d requests, want 2", n)
	}
}
