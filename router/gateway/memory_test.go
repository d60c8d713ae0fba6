package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"souk/internal/memory"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/telemetry"
)

// The responses of a batch are held until the last one is ready, so they are
// charged to the budget, and those that exceed it are rejected. The charge is
// released whatever the form of the response.
func TestResponsesAreChargedUntilTheyAreWritten(t *testing.T) {
	budget := memory.NewBudget(48 << 10)
	_, url := start(t, &subgraph{}, func(c *config.Config, o *gateway.Options) {
		c.HTTP.Batching.Enabled = true
		c.TrafficShaping.Router.Deduplicate = new(true)
		o.Memory = budget
	})
	const query = `{"query":"{ long }"}`
	batch := "[" + strings.TrimSuffix(strings.Repeat(query+",", 10), ",") + "]"
	got := send(t, "POST", url+"/graphql", batch)
	if got.status != http.StatusOK || !strings.Contains(got.body, `"OVERLOADED"`) || !strings.Contains(got.body, `"long":"abc`) {
		t.Errorf("batch whose responses exceed the budget: got status %d, %.300s", got.status, got.body)
	}
	for _, headers := range [][]string{nil, {"Accept: text/event-stream"}, {"Accept: multipart/mixed"}, {"Accept-Encoding: gzip"}} {
		if got := send(t, "POST", url+"/graphql", query, headers...); got.status != http.StatusOK {
			t.Errorf("%v: got status %d, %.300s", headers, got.status, got.body)
		}
	}
	// The client may read the end of a response before the handler returns.
	eventually(t, func() bool { return budget.Used() == 0 })
}

// exhaust takes all of a budget, including the part for small requests.
func exhaust(t *testing.T, budget *memory.Budget, bytes int) *memory.Lease {
	t.Helper()
	held := new(memory.Lease)
	held.Of(budget)
	if err := held.Grow(t.Context(), bytes); err != nil {
		t.Fatal(err)
	}
	for held.TryGrow(256) {
	}
	return held
}

// Operations that exceed the budget get a status that clients and proxies can
// handle.
func TestExhaustedMemoryRejectsOperations(t *testing.T) {
	for _, deduplicate := range []bool{true, false} {
		budget := memory.NewBudget(1 << 20)
		_, url := start(t, &subgraph{}, func(c *config.Config, o *gateway.Options) {
			c.HTTP.PartialSuccessStatus = true
			c.TrafficShaping.Router.Deduplicate = new(deduplicate)
			o.Memory = budget
		})
		held := exhaust(t, budget, 1<<20)
		for _, c := range []struct {
			query   string
			headers []string
		}{
			{query: `{"query":"{ hello }"}`},
			{query: `{"query":"{ hello }"}`, headers: []string{"Accept: multipart/mixed, application/json"}},
			{query: `{"query":"mutation { add(n: 1) }"}`}, // it has not been sent to its subgraph
		} {
			got := send(t, "POST", url+"/graphql", c.query, c.headers...)
			if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") != "1" ||
				!strings.Contains(got.body, `"OVERLOADED"`) || strings.Contains(got.body, `"data"`) {
				t.Errorf("deduplicate %t, %v: got status %d, headers %v, %s", deduplicate, c, got.status, got.header, got.body)
			}
		}
		held.Release()
		if got := send(t, "POST", url+"/graphql", `{"query":"{ hello }"}`); got.status != http.StatusOK {
			t.Errorf("after the release: got status %d, %s", got.status, got.body)
		}
		eventually(t, func() bool { return budget.Used() == 0 })
	}
}

// The messages of a WebSocket are charged from their first frame until their
// operations end.
func TestSocketMessagesAreChargedToTheBudget(t *testing.T) {
	const most = 1 << 20
	budget := memory.NewBudget(most)
	f, _, url := startFeed(t, func(c *config.Config, o *gateway.Options) {
		c.Limits.MaxBodyBytes = 2 << 20
		o.Memory = budget
	})
	large := `{"query":"subscription { count(to: 1) } #` + strings.Repeat("x", 200<<10) + `"}`
	s := initialised(t, url, `null`)
	s.send(`{"id":"1","type":"subscribe","payload":` + large + `}`)
	f.upstream(t, 0)
	if used := budget.Used(); used < 200<<10 {
		t.Errorf("%d bytes charged for a message of 200 KiB", used)
	}
	s.send(`{"id":"1","type":"complete"}`)
	eventually(t, func() bool { return budget.Used() == 0 })
	s.send(`{"type":"ping","payload":{"x":"` + strings.Repeat("x", 200<<10) + `"}}`)
	if _, _, err := s.conn.Reader(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return budget.Used() == 0 })

	held := exhaust(t, budget, most)
	defer held.Release()
	other := initialised(t, url, `null`)
	other.send(`{"id":"1","type":"subscribe","payload":` + large + `}`)
	other.wantClose(1013)
}

// A message that is not completed in time closes the connection.
func TestSlowSocketMessageClosesTheConnection(t *testing.T) {
	_, _, url := startFeed(t, func(c *config.Config, _ *gateway.Options) { c.Limits.BodyTimeout = 50 * time.Millisecond })
	s := initialised(t, url, `null`)
	w, err := s.conn.Writer(t.Context(), websocket.MessageText)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(`{"id":"1",` + strings.Repeat(" ", 64<<10))); err != nil {
		t.Fatal(err)
	}
	s.wantClose(1008)
}

// An event that is queued for several clients is charged once, until the last has received it.
func TestQueuedEventsAreChargedToTheBudget(t *testing.T) {
	budget := memory.NewBudget(1 << 20)
	m := prometheus.NewRegistry()
	f, gw, url := startFeed(t, func(c *config.Config, o *gateway.Options) {
		o.Metrics, o.Memory = telemetry.New(m), budget
		no := false
		c.Subscriptions.All.ReplayLatest = &no
	})
	fast := openStream(t, url, subscription)
	u := f.upstream(t, 0)
	slow := &stuckClient{ResponseRecorder: httptest.NewRecorder(), stuck: make(chan struct{}), read: make(chan struct{})}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/graphql", strings.NewReader(subscription))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "text/event-stream")
		gw.Handler().ServeHTTP(slow, r)
	}()
	eventually(t, func() bool { return figures(t, m)["subscriptions_joined_total{}"] == 1 })
	u.send(t, "1")
	<-slow.stuck
	for range 10 {
		u.send(t, "2")
	}
	for range 11 {
		fast.want("event: next")
		fast.next()
	}
	eventually(t, func() bool { return budget.Used() == int64(len(`{"data":{"count":1}}`)*11) })
	close(slow.read)
	eventually(t, func() bool { return budget.Used() == 0 })
	u.end <- nil
	<-ended
}
