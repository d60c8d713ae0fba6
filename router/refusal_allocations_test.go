//go:build !race

package router_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"souk/router/gateway/config"
)

// atLimit returns a function that sends an operation to a router whose subgraph is at its adaptive
// limit, and returns the status of the response.
func atLimit(t *testing.T, operation string, configure func(*config.Config)) func() int {
	t.Helper()
	yes := true
	s := &busyService{arrived: make(chan struct{}, 1), release: make(chan struct{})}
	r := newRouter(t, composed(t, canaryGraph, "type Query { other: String }"), nil, s.ServeHTTP, func(c *config.Config) {
		c.TrafficShaping.All.AdaptiveLimit = config.AdaptiveLimit{Enabled: &yes, Min: 1, Max: 1, Initial: 1}
		if configure != nil {
			configure(c)
		}
	})
	handler := r.Handler()
	body := strings.NewReader(operation)
	send := func() int {
		body.Reset(operation)
		request := httptest.NewRequest(http.MethodPost, "/graphql", body)
		request.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, request)
		return w.Code
	}
	var running sync.WaitGroup
	running.Go(func() {
		if status := send(); status != http.StatusOK {
			t.Errorf("the request within the limit has status %d", status)
		}
	})
	<-s.arrived
	t.Cleanup(func() {
		close(s.release)
		running.Wait()
	})
	return send
}

// Under overload, most of what a router does is to refuse: that costs little, with and without the
// console. The bound covers the handler, and what the test needs to call it.
func TestRefusedMutationAllocatesLittle(t *testing.T) {
	for name, c := range map[string]struct {
		configure func(*config.Config)
		most      float64
	}{
		"default":     {nil, 40},
		"development": {func(c *config.Config) { c.Dev = true }, 50},
	} {
		send := atLimit(t, `{"query":"mutation { change }"}`, c.configure)
		n := testing.AllocsPerRun(1000, func() {
			if status := send(); status != http.StatusServiceUnavailable {
				t.Fatalf("%s: status %d", name, status)
			}
		})
		if t.Logf("%s: %v allocations", name, n); n > c.most {
			t.Errorf("%s: a refusal makes %v allocations, at most %v are allowed", name, n, c.most)
		}
	}
}
