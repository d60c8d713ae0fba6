package gateway_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/telemetry"
)

func TestEqualSubscriptionsShareOneUpstream(t *testing.T) {
	m := prometheus.NewRegistry()
	f, _, url := startFeed(t, func(_ *config.Config, o *gateway.Options) { o.Metrics = telemetry.New(m) })
	one, two := initialised(t, url, `null`), initialised(t, url, `null`)
	one.subscribe("1")
	u := f.upstream(t, 0)
	two.subscribe("a")
	three := openStream(t, url, subscription)
	eventually(t, func() bool { return figures(t, m)["subscriptions_joined_total{}"] == 2 })
	u.send(t, "1")
	one.want(`{"id":"1","type":"next","payload":{"data":{"count":1}}}`)
	two.want(`{"id":"a","type":"next","payload":{"data":{"count":1}}}`)
	three.want("event: next", `data: {"data":{"count":1}}`)
	if got := figures(t, m)["subscription_upstreams_active{}"]; got != 1 || f.upstreams() != 1 {
		t.Errorf("%v active upstreams, %d opened, want one", got, f.upstreams())
	}

	// The stream outlives its first subscriber and ends with the last.
	one.send(`{"id":"1","type":"complete"}`)
	eventually(t, func() bool { return figures(t, m)["subscriptions_active{}"] == 2 })
	u.send(t, "2")
	two.want(`{"id":"a","type":"next","payload":{"data":{"count":2}}}`)
	three.want("event: next", `data: {"data":{"count":2}}`)
	u.end <- nil
	two.want(`{"id":"a","type":"complete"}`)
	three.want("event: complete", "data:")
	two.subscribe("b")
	second := f.upstream(t, 1)
	two.send(`{"id":"b","type":"complete"}`)
	<-second.closed
	eventually(t, func() bool { return figures(t, m)["subscription_upstreams_active{}"] == 0 })
}

// Subscriptions are shared only if their events cannot differ.
func TestDifferentSubscriptionsHaveTheirOwnUpstream(t *testing.T) {
	caller := func(o *gateway.Options) {
		o.Caller = func(r *http.Request) execute.Caller {
			return execute.Caller{Scope: r.Header.Get("Subject"), Header: r.Header}
		}
	}
	for name, c := range map[string]struct {
		first, second   []string
		other           string
		upstreams       int
		withoutJoinings bool
	}{
		"equal":                  {first: []string{"Subject: a"}, second: []string{"Subject: a"}, upstreams: 1},
		"header not propagated":  {first: []string{"X-Request-Id: 1"}, second: []string{"X-Request-Id: 2"}, upstreams: 1},
		"caller":                 {first: []string{"Subject: a"}, second: []string{"Subject: b"}, upstreams: 2},
		"propagated header":      {first: []string{"Authorization: Bearer a"}, second: []string{"Authorization: Bearer b"}, upstreams: 2},
		"propagated to subgraph": {first: []string{"X-Tenant: a"}, second: []string{"X-Tenant: b"}, upstreams: 2},
		"one without a header":   {first: []string{"Authorization: Bearer a"}, upstreams: 2},
		"arguments":              {other: `{"query":"subscription { count(to: 4) }"}`, upstreams: 2},
		"variables":              {other: `{"query":"subscription($n: Int!) { count(to: $n) }","variables":{"n":3}}`, upstreams: 2},
		"turned off":             {withoutJoinings: true, upstreams: 2},
	} {
		t.Run(name, func(t *testing.T) {
			m := prometheus.NewRegistry()
			f, _, url := startFeed(t, func(into *config.Config, o *gateway.Options) {
				caller(o)
				o.Metrics = telemetry.New(m)
				into.Subscriptions.Deduplicate = !c.withoutJoinings
				into.Headers.Subgraphs = map[string]config.HeaderRules{"a": {Propagate: []string{"x-tenant"}}}
			})
			openStream(t, url, subscription, c.first...)
			f.upstream(t, 0)
			body := subscription
			if c.other != "" {
				body = c.other
			}
			openStream(t, url, body, c.second...)
			eventually(t, func() bool { return figures(t, m)["subscriptions_active{}"] == 2 })
			eventually(t, func() bool {
				return f.upstreams()+int(figures(t, m)["subscriptions_joined_total{}"]) == 2
			})
			if f.upstreams() != c.upstreams {
				t.Errorf("%d upstreams, want %d", f.upstreams(), c.upstreams)
			}
		})
	}
}

func TestReplayLatestSendsLateSubscribersTheLatestEvent(t *testing.T) {
	for _, replay := range []bool{false, true} {
		m := prometheus.NewRegistry()
		f, _, url := startFeed(t, func(c *config.Config, o *gateway.Options) {
			o.Metrics = telemetry.New(m)
			c.Subscriptions.Subgraphs = map[string]config.SubgraphStream{"a": {ReplayLatest: &replay}}
		})
		one := openStream(t, url, subscription)
		f.upstream(t, 0).send(t, "1")
		one.want("event: next", `data: {"data":{"count":1}}`)
		two := openStream(t, url, subscription)
		eventually(t, func() bool { return figures(t, m)["subscriptions_joined_total{}"] == 1 })
		if replay {
			two.want("event: next", `data: {"data":{"count":1}}`)
		}
		f.upstream(t, 0).send(t, "2")
		two.want("event: next", `data: {"data":{"count":2}}`)
	}
}

// A stuckClient is a response that is not read until the test allows it.
type stuckClient struct {
	*httptest.ResponseRecorder
	stuck chan struct{} // closed when the first event is written
	read  chan struct{} // closed when reading begins
	once  sync.Once
}

func (c *stuckClient) Write(b []byte) (int, error) {
	if bytes.HasPrefix(b, []byte("event:")) {
		c.once.Do(func() { close(c.stuck) })
		<-c.read
	}
	return c.ResponseRecorder.Write(b)
}

// A client that does not read loses its own subscription; others continue.
func TestSlowSubscriberIsDroppedAlone(t *testing.T) {
	m := prometheus.NewRegistry()
	f, gw, url := startFeed(t, func(c *config.Config, o *gateway.Options) {
		o.Metrics = telemetry.New(m)
		c.Subscriptions.QueueEvents, c.Subscriptions.SlowClientTimeout = 2, 0
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
	send := func(count string) {
		u.send(t, count)
		fast.want("event: next", `data: {"data":{"count":`+count+`}}`)
	}
	send("1")
	<-slow.stuck
	for _, count := range []string{"2", "3", "4", "5"} { // two of them are queued
		send(count)
	}
	close(slow.read)
	<-ended
	const want = ":\n\nevent: next\ndata: {\"data\":{\"count\":1}}\n\n" +
		`event: next` + "\n" + `data: {"errors":[{"message":"The client reads events too slowly. Its subscription has ended; subscribe again.","extensions":{"code":"SUBSCRIPTION_SLOW_CLIENT"}}]}` +
		"\n\nevent: complete\ndata:\n\n"
	if got := slow.Body.String(); got != want {
		t.Errorf("slow client: got %q", got)
	}
	send("6")
	if got := figures(t, m); got["subscriptions_dropped_total{}"] != 1 || got["subscriptions_active{}"] != 1 {
		t.Errorf("got %v dropped, %v active", got["subscriptions_dropped_total{}"], got["subscriptions_active{}"])
	}
}

// A subgraph may send events before the goroutine that opens the stream runs again, as on a busy
// machine: with more threads than processors here.
func TestFirstSubscriberGetsEveryEvent(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8 * runtime.NumCPU()))
	_, url := start(t, &subgraph{}, nil)
	var all sync.WaitGroup
	for client := range 32 {
		all.Go(func() {
			for i := range 100 {
				r := send(t, "POST", url+"/graphql", fmt.Sprintf(`{"query":"subscription S%d_%d { count(to: 3) }"}`, client, i), "Accept: text/event-stream")
				for _, n := range []string{"1", "2", "3"} {
					if !strings.Contains(r.body, `{"data":{"count":`+n+`}}`) {
						t.Errorf("event %s is missing: %q", n, r.body)
						return
					}
				}
			}
		})
	}
	all.Wait()
}
