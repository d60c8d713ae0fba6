package console_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"souk/router/gateway/config"
)

type fetched struct {
	Subgraphs []struct {
		Name                               string
		Requests, Shared, Refused, Retries int
		PerSecond                          float64 `json:"requests_per_second"`
		ErrorRate                          float64 `json:"error_rate"`
		InFlight                           int     `json:"in_flight"`
		P50, P95, P99                      *float64
	}
}

// alone executes each operation on its own, so that only requests to subgraphs are shared.
func alone(c *config.Config) { c.TrafficShaping.Router.Deduplicate = new(false) }

// TestSharedFetchesAreNoRequests compares with what the subgraph received.
func TestSharedFetchesAreNoRequests(t *testing.T) {
	s := newShop(t, alone)
	const callers = 20
	hold, seen := make(chan struct{}), make(chan http.Header, callers)
	s.hold.Store(&hold)
	s.seen.Store(&seen)
	var all sync.WaitGroup
	for range callers {
		all.Go(func() { s.send(t, `{"query":"query Same { products { name } }"}`) })
	}
	until(t, func() bool { return get[fetched](t, s, "subgraphs").Subgraphs[0].InFlight == callers })
	close(hold)
	all.Wait()
	got := get[fetched](t, s, "subgraphs").Subgraphs[0]
	if got.Requests != len(seen) || got.Shared != callers-got.Requests || got.Shared == 0 || got.Refused != 0 || got.P50 == nil || got.P99 == nil {
		t.Errorf("the subgraph received %d requests of %d callers: %+v", len(seen), callers, got)
	}
	operations := get[operations](t, s, "operations").Operations
	if len(operations) != 1 || operations[0].Requests != callers || operations[0].Fetches != float64(len(seen))/callers {
		t.Errorf("operations: %+v", operations)
	}
}

// TestRefusedFetchesAreNoRequests: the circuit breaker opens after two requests.
func TestRefusedFetchesAreNoRequests(t *testing.T) {
	s := newShop(t, func(c *config.Config) {
		alone(c)
		c.OverrideSubgraphURLs["reviews"] = []string{"http://127.0.0.1:1/graphql"} // nothing listens there
		c.TrafficShaping.All.Retry.MaxAttempts = 1
		on := true
		c.TrafficShaping.All.CircuitBreaker = config.CircuitBreaker{Enabled: &on, ErrorThreshold: .5, MinRequests: 2, Window: time.Minute, Rest: time.Minute}
		c.Admin.Console.Sample = 1
	})
	if idle := get[fetched](t, s, "subgraphs").Subgraphs[1]; idle.P50 != nil || idle.P95 != nil || idle.P99 != nil {
		t.Errorf("latencies without a request: %+v", idle)
	}
	var id string
	for range 10 {
		res, body := s.send(t, `{"query":"query Q { products { name reviews { text } } }"}`)
		if id = res.Header.Get("Souk-Trace-Id"); res.StatusCode >= 300 {
			t.Fatalf("%s %s", res.Status, body)
		}
	}
	got := get[fetched](t, s, "subgraphs").Subgraphs
	if r := got[1]; r.Requests != 2 || r.Refused != 8 || r.Shared != 0 || r.ErrorRate != 1 || r.P50 == nil {
		t.Errorf("the subgraph whose circuit is open: %+v", r)
	}
	if c := got[0]; c.Requests != 10 || c.Refused != 0 || c.ErrorRate != 0 {
		t.Errorf("the other subgraph: %+v", c)
	}
	f := get[traceOf](t, s, "traces/"+id).Fetches[1]
	if f.Sent != 0 || f.Entities != 0 || f.Representations != 2 || f.Outcome != "none" || f.Error == nil || !strings.Contains(*f.Error, "circuit breaker") {
		t.Errorf("a refused fetch: %+v", f)
	}
}

// TestRefusedRetriesAreNoRequests: the first attempt opens the circuit, so that it has no retry.
// Its error is the cause. Only fetches that sent nothing say that the circuit is open.
func TestRefusedRetriesAreNoRequests(t *testing.T) {
	s := newShop(t, func(c *config.Config) {
		c.OverrideSubgraphURLs["reviews"] = []string{"http://127.0.0.1:1/graphql"}
		c.TrafficShaping.All.Retry = config.Retry{MaxAttempts: 3, Interval: time.Millisecond, MaxRetryAfter: time.Second, Budget: 1}
		on := true
		c.TrafficShaping.All.CircuitBreaker = config.CircuitBreaker{Enabled: &on, ErrorThreshold: .5, MinRequests: 1, Window: time.Minute, Rest: time.Minute}
		c.Admin.Console.Sample = 1
	})
	for i := range 3 {
		res, _ := s.send(t, `{"query":"query Q { products { name reviews { text } } }"}`)
		f := get[traceOf](t, s, "traces/"+res.Header.Get("Souk-Trace-Id")).Fetches[1]
		open := f.Error != nil && strings.Contains(*f.Error, "circuit breaker")
		if sent := f.Sent > 0 && f.Entities == 2; open == sent || open != (i > 0) {
			t.Errorf("fetch %d: %+v, error %q", i, f, *f.Error)
		}
	}
	if r := get[fetched](t, s, "subgraphs").Subgraphs[1]; r.Requests != 1 || r.Retries != 0 || r.Refused != 2 {
		t.Errorf("%+v", r)
	}
}

// TestRetriesAreCountedInTheWindow: the subgraph has nothing that listens.
func TestRetriesAreCountedInTheWindow(t *testing.T) {
	s := newShop(t, func(c *config.Config) {
		alone(c)
		c.OverrideSubgraphURLs["reviews"] = []string{"http://127.0.0.1:1/graphql"}
		c.TrafficShaping.All.Retry = config.Retry{MaxAttempts: 3, Interval: time.Millisecond, MaxRetryAfter: time.Second, Budget: 1}
	})
	s.send(t, `{"query":"query Q { broken }"}`)
	if r := get[fetched](t, s, "subgraphs").Subgraphs[1]; r.Requests != 1 || r.Retries != 2 || r.Refused != 0 {
		t.Errorf("%+v", r)
	}
}

// TestWhatIsInProgressIsCounted by operation and by client, also for those without a request
// that has ended.
func TestWhatIsInProgressIsCounted(t *testing.T) {
	s := newShop(t, alone)
	type inProgress struct {
		Operations, Clients []struct {
			Name     string
			Requests int
			InFlight int `json:"in_flight"`
		}
		Other struct {
			InFlight int `json:"in_flight"`
		}
	}
	name := func(i int) string { return fmt.Sprintf(`{"query":"query Q%d { products { name } }"}`, i) }
	s.send(t, name(0), "GraphQL-Client-Name: web")
	hold := make(chan struct{})
	s.hold.Store(&hold)
	var all sync.WaitGroup
	for i := range 5 { // Q0 three times, Q1 twice, which has not ended before
		all.Go(func() { s.send(t, name(i%2), "GraphQL-Client-Name: "+[]string{"web", "ios"}[i%2]) })
	}
	var operations, clients inProgress
	until(t, func() bool {
		operations, clients = get[inProgress](t, s, "operations"), get[inProgress](t, s, "clients")
		return len(operations.Operations) == 1 && operations.Operations[0].InFlight == 3 && operations.Other.InFlight == 2
	})
	if c := clients.Clients; len(c) != 1 || c[0].Name != "web" || c[0].InFlight != 3 || clients.Other.InFlight != 2 {
		t.Errorf("clients: %+v", clients)
	}
	close(hold)
	all.Wait()
	for _, path := range []string{"operations", "clients"} {
		got := get[inProgress](t, s, path)
		for _, one := range append(got.Operations, got.Clients...) {
			if one.InFlight != 0 {
				t.Errorf("%s, after the end: %+v", path, one)
			}
		}
		if got.Other.InFlight != 0 || len(got.Operations)+len(got.Clients) != 2 {
			t.Errorf("%s, after the end: %+v", path, got)
		}
	}
}

// TestWhatWasNotMeasuredIsNull: a subscription has no duration.
func TestWhatWasNotMeasuredIsNull(t *testing.T) {
	s := newShop(t, nil)
	for _, path := range []string{"traffic", "operations", "clients", "subgraphs"} {
		if _, body := s.api(t, http.MethodGet, path, ""); !strings.Contains(body, `"p50":null`) && path != "traffic" || strings.Contains(body, `"p50":0`) {
			t.Errorf("%s without traffic: %s", path, body)
		}
	}
	s.send(t, `{"query":"subscription S { ticks { name } }"}`, "Accept: text/event-stream")
	got := get[struct {
		Operations []struct {
			Name, Kind    string
			Requests      int
			P50, P95, P99 *float64
		}
	}](t, s, "operations").Operations
	if len(got) != 1 || got[0].Kind != "subscription" || got[0].Requests != 1 || got[0].P50 != nil || got[0].P95 != nil || got[0].P99 != nil {
		t.Errorf("%+v", got)
	}
}
