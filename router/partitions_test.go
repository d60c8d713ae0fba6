package router_test

import (
	"bufio"
	"context"
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
	"souk/router/hook"
)

// byTenant puts callers into partitions by a header that no subgraph is sent.
var byTenant = map[string]hook.Hooks{
	"request hook": {Request: func(_ context.Context, r *hook.Request) error {
		r.Partition = r.ClientHeader.Get("X-Tenant")
		return nil
	}},
	"operation hook": {Operation: func(_ context.Context, e *hook.Exchange) error {
		e.Partition = e.ClientHeader.Get("X-Tenant")
		return nil
	}},
}

// firstEvent opens a subscription on a connection and returns its first event. The
// subscription stays open until the test ends.
var firstEvent = map[string]func(t *testing.T, h *hookedRouter, tenant string) string{
	"event stream": func(t *testing.T, h *hookedRouter, tenant string) string {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+"/graphql", strings.NewReader(`{"query":"subscription { ticks }"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"text/event-stream"}, "X-Tenant": {tenant}}
		stream, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { stream.Body.Close() })
		return firstData(t, bufio.NewScanner(stream.Body))
	},
	"reserved event stream": func(t *testing.T, h *hookedRouter, tenant string) string {
		c, _ := openReservation(t, h, "X-Tenant: "+tenant).(*reservedConnection)
		if res, body := c.send(t, `{"query":"subscription { ticks }"}`); res.StatusCode != http.StatusAccepted {
			t.Fatalf("the subscription is answered %d %s", res.StatusCode, body)
		}
		return firstData(t, c.lines)
	},
	"WebSocket": func(t *testing.T, h *hookedRouter, tenant string) string {
		c, _ := openHookedSocket(t, h, "X-Tenant: "+tenant).(*socketConnection)
		c.write(t, `{"id":"1","type":"subscribe","payload":{"query":"subscription { ticks }"}}`)
		return c.read(t)
	},
}

func firstData(t *testing.T, lines *bufio.Scanner) string {
	t.Helper()
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			return data
		}
	}
	t.Fatalf("the stream has no event: %v", lines.Err())
	return ""
}

// Callers in one partition share the subscription to the subgraph; callers in two never
// do, although the subgraph is sent the same.
func TestPartitionsShareNoSubscription(t *testing.T) {
	for setBy, hooks := range byTenant {
		for carrier, subscribe := range firstEvent {
			for _, c := range []struct {
				tenants [3]string
				// upstreams are the subscriptions whose events the callers get.
				upstreams [3]int
			}{
				{tenants: [3]string{"1", "1", "1"}, upstreams: [3]int{1, 1, 1}},
				{tenants: [3]string{"1", "2", "1"}, upstreams: [3]int{1, 2, 1}},
				{tenants: [3]string{"1", "", "2"}, upstreams: [3]int{1, 2, 3}},
			} {
				t.Run(fmt.Sprintf("%s, %s, %q", setBy, carrier, c.tenants), func(t *testing.T) {
					// Each subscription to the subgraph sends its number and stays open.
					var opened atomic.Int64
					subgraph := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						_, _ = io.Copy(io.Discard, r.Body) // an open body would hide that the router has gone
						w.Header().Set("Content-Type", "text/event-stream")
						fmt.Fprintf(w, "event: next\ndata: {\"data\":{\"ticks\":%d}}\n\n", opened.Add(1))
						_ = http.NewResponseController(w).Flush()
						<-r.Context().Done()
					}))
					t.Cleanup(subgraph.Close)
					h := newHooked(t, func(to *config.Config) { to.OverrideSubgraphURLs = config.SubgraphURLs{"a": {subgraph.URL}} }, router.Extensions{Hooks: []hook.Hooks{hooks}})
					for i, tenant := range c.tenants {
						// A caller who joins gets the latest event, so each has one at once.
						if got, want := subscribe(t, h, tenant), fmt.Sprintf(`"ticks":%d`, c.upstreams[i]); !strings.Contains(got, want+"}") {
							t.Errorf("caller %d gets %s, want %s", i, got, want)
						}
					}
				})
			}
		}
	}
}

// Queries of two partitions to a subgraph are sent apart, although they are equal.
func TestPartitionsShareNoSubgraphQuery(t *testing.T) {
	var asked atomic.Int64
	both := make(chan struct{})
	subgraph := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if asked.Add(1) == 2 {
			close(both)
		}
		select {
		case <-both:
		case <-r.Context().Done():
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"data":{"hello":"hi"}}`)
	}))
	defer subgraph.Close()
	h := newHooked(t, func(to *config.Config) {
		deduplicate := true
		to.OverrideSubgraphURLs = config.SubgraphURLs{"a": {subgraph.URL}}
		to.TrafficShaping.All.DeduplicateQuery = &deduplicate
		to.TrafficShaping.All.Timeout = 30 * time.Second
	}, router.Extensions{Hooks: []hook.Hooks{byTenant["request hook"]}})
	answers := make(chan string, 2)
	for _, tenant := range []string{"1", "2"} {
		go func() {
			_, body := h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`, "X-Tenant: "+tenant)
			answers <- body
		}()
	}
	for range 2 {
		if got := <-answers; got != `{"data":{"hello":"hi"}}` {
			t.Errorf("answer %s", got)
		}
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("the subgraph was asked %d times, want 2", n)
	}
}
