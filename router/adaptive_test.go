package router_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"souk/router/gateway/config"
)

// A busyService holds its requests until the test lets them go.
type busyService struct {
	arrived chan struct{}
	release chan struct{}
}

func (s *busyService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.arrived <- struct{}{}
	<-s.release
	w.Header().Set("Content-Type", "application/json")
	if strings.Contains(string(body), "mutation") {
		fmt.Fprint(w, `{"data":{"change":"done"}}`)
		return
	}
	fmt.Fprint(w, `{"data":{"hello":"hi"}}`)
}

// At its limit, a router does not send a request to a subgraph, or does not execute an operation.
// The client is told to try again, and succeeds when the limit has room. A limit that is only
// measured rejects nothing.
func TestAdaptiveLimitsReject(t *testing.T) {
	yes := true
	limit := config.AdaptiveLimit{Enabled: &yes, Min: 2, Max: 2, Initial: 2}
	measured := limit
	measured.Measure = &yes
	read := func(text string) func(*config.Config) {
		return func(c *config.Config) {
			parsed, err := config.Parse([]byte(text), func(string) (string, bool) { return "", false })
			if err != nil {
				t.Fatal(err)
			}
			c.TrafficShaping = parsed.TrafficShaping
		}
	}
	for name, c := range map[string]struct {
		configure func(*config.Config)
		code      string
		series    string
	}{
		"subgraph":              {func(c *config.Config) { c.TrafficShaping.All.AdaptiveLimit = limit }, "SUBGRAPH_OVERLOADED", `souk_router_subgraph_shed_total{subgraph="a"}`},
		"router":                {func(c *config.Config) { c.TrafficShaping.Router.AdaptiveLimit = limit }, "OVERLOADED", "souk_router_shed_total"},
		"subgraph, max alone":   {read("traffic_shaping: {all: {adaptive_limit: {enabled: true, max: 2}}}"), "SUBGRAPH_OVERLOADED", `souk_router_subgraph_shed_total{subgraph="a"}`},
		"one of all, max alone": {read("traffic_shaping: {all: {adaptive_limit: {enabled: true}}, subgraphs: {a: {adaptive_limit: {max: 2}}}}"), "SUBGRAPH_OVERLOADED", `souk_router_subgraph_shed_total{subgraph="a"}`},
		"router, max alone":     {read("traffic_shaping: {router: {adaptive_limit: {enabled: true, max: 2}}}"), "OVERLOADED", "souk_router_shed_total"},
		"subgraph, measured":    {func(c *config.Config) { c.TrafficShaping.All.AdaptiveLimit = measured }, "", `souk_router_limits_exceeded_total{code="SUBGRAPH_OVERLOADED"}`},
		"router, measured":      {func(c *config.Config) { c.TrafficShaping.Router.AdaptiveLimit = measured }, "", `souk_router_limits_exceeded_total{code="OVERLOADED"}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := &busyService{arrived: make(chan struct{}, 10), release: make(chan struct{})}
			r := newRouter(t, composed(t, canaryGraph, "type Query { other: String }"), nil, s.ServeHTTP, func(config *config.Config) {
				no := false
				c.configure(config)
				config.TrafficShaping.All.DeduplicateQuery = &no
			})
			public, admin := servePorts(t, r)
			const query = `{"query":"{ hello }"}`
			var running sync.WaitGroup
			for range 2 {
				running.Go(func() { ask(t, "POST", public+"/graphql", query, posts) })
				<-s.arrived
			}
			if c.code == "" {
				running.Go(func() { ask(t, "POST", public+"/graphql", query, posts) })
				<-s.arrived
			} else {
				for range 3 {
					response, body := ask(t, "POST", public+"/graphql", query, posts)
					if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") != "1" || !strings.Contains(body, `"`+c.code+`"`) {
						t.Errorf("at the limit: status %d, Retry-After %q, %s", response.StatusCode, response.Header.Get("Retry-After"), body)
					}
				}
			}
			close(s.release)
			running.Wait()
			for range 20 {
				if response, body := ask(t, "POST", public+"/graphql", query, posts); response.StatusCode != http.StatusOK {
					t.Errorf("after the load: status %d, %s", response.StatusCode, body)
				}
				<-s.arrived
			}
			want := 3.0
			if c.code == "" {
				want = 1
			}
			if got := metric(t, admin, c.series); got != want {
				t.Errorf("%s = %g, want %g", c.series, got, want)
			}
			_, text := ask(t, "GET", admin+"/metrics", "")
			if !strings.Contains(text, `concurrency_limit{subgraph="a"} 2`) && !strings.Contains(text, "souk_router_concurrency_limit 2") {
				t.Error("the limit is not in the metrics")
			}
		})
	}
}

// At the limit of a subgraph, a mutation is refused without being executed, and counted as queries are.
// With max_wait, requests wait until another has ended, four times as many as the limit.
func TestMutationsAtTheAdaptiveLimit(t *testing.T) {
	yes := true
	const mutation = `{"query":"mutation { change }"}`
	for name, wait := range map[string]time.Duration{"none waits": 0, "some wait": time.Hour} {
		t.Run(name, func(t *testing.T) {
			s := &busyService{arrived: make(chan struct{}, 10), release: make(chan struct{})}
			r := newRouter(t, composed(t, canaryGraph, "type Query { other: String }"), nil, s.ServeHTTP, func(c *config.Config) {
				c.TrafficShaping.All.AdaptiveLimit = config.AdaptiveLimit{Enabled: &yes, Min: 1, Max: 1, Initial: 1, MaxWait: wait}
			})
			public, admin := servePorts(t, r)
			order := func() (int, string) {
				response, body := ask(t, "POST", public+"/graphql", mutation, posts)
				return response.StatusCode, body
			}
			var running sync.WaitGroup
			running.Go(func() { order() })
			<-s.arrived
			const waiting = 4 // at most, times the limit
			const more = waiting + 1
			answers := make(chan int, more)
			for range more {
				running.Go(func() {
					status, body := order()
					if status == http.StatusServiceUnavailable && !strings.Contains(body, `"SUBGRAPH_OVERLOADED"`) {
						t.Errorf("the refusal is %s", body)
					}
					answers <- status
				})
			}
			refused := more
			if wait > 0 {
				refused = more - waiting
			}
			for range refused {
				if status := <-answers; status != http.StatusServiceUnavailable {
					t.Errorf("at the limit: status %d", status)
				}
			}
			if len(s.arrived) > 0 {
				t.Error("the subgraph got a mutation that is beyond its limit")
			}
			close(s.release)
			running.Wait()
			for range more - refused {
				if status := <-answers; status != http.StatusOK {
					t.Errorf("one that waited: status %d", status)
				}
			}
			for series, want := range map[string]float64{
				`souk_router_subgraph_shed_total{subgraph="a"}`:                float64(refused),
				`souk_router_graphql_errors_total{code="SUBGRAPH_OVERLOADED"}`: float64(refused),
			} {
				if got := metric(t, admin, series); got != want {
					t.Errorf("%s = %g, want %g", series, got, want)
				}
			}
		})
	}
}

// At the limit of a subgraph, REST says the same as GraphQL: neither names the subgraph, and both say
// in the header and in the text when to try again.
func TestRESTAtTheAdaptiveLimit(t *testing.T) {
	yes, no := true, false
	graph, operations, _ := restPage(t)
	arrived, release := make(chan struct{}, 10), make(chan struct{})
	r := newRouter(t, composed(t, graph, "type Query { other: String }"), fstest.MapFS{"products.graphql": {Data: []byte(operations)}}, func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-release
		shelf(w, r)
	}, func(c *config.Config) {
		c.TrafficShaping.All.DeduplicateQuery = &no
		c.TrafficShaping.All.AdaptiveLimit = config.AdaptiveLimit{Enabled: &yes, Min: 1, Max: 1, Initial: 1}
	})
	public := httptest.NewServer(r.Handler())
	defer public.Close()
	var running sync.WaitGroup
	running.Go(func() { ask(t, "GET", public.URL+"/api/products/1", "") })
	<-arrived
	const text = `"A subgraph is overloaded. Try again in 1 s."`
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/graphql", `{"query":"{ product(id: 1) { name } }"}`},
		{"GET", "/api/products/1", ""},
		{"POST", "/api/products", `{"name":"Chair","price":49}`},
	} {
		response, body := ask(t, c.method, public.URL+c.path, c.body, posts)
		if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") != "1" || !strings.Contains(body, text) || !strings.Contains(body, `"SUBGRAPH_OVERLOADED"`) {
			t.Errorf("%s %s: status %d, Retry-After %q, %s", c.method, c.path, response.StatusCode, response.Header.Get("Retry-After"), body)
		}
	}
	close(release)
	running.Wait()
	if response, body := ask(t, "GET", public.URL+"/api/products/1", ""); response.StatusCode != http.StatusOK {
		t.Errorf("after the load: status %d, %s", response.StatusCode, body)
	}
}
