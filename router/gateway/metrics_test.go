package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/telemetry"
)

// figures returns the values of all counters and gauges by name{label values},
// and the sums of histograms.
func figures(t *testing.T, r prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			var labels []string
			for _, l := range m.Label {
				labels = append(labels, l.GetValue())
			}
			out[strings.TrimPrefix(f.GetName(), "souk_router_")+"{"+strings.Join(labels, ",")+"}"] =
				m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return out
}

// Evictions are counted, and the gauges show the bytes and entries that are left.
func TestCacheMetricsFollowTheCaches(t *testing.T) {
	registry := prometheus.NewRegistry()
	gw, url := start(t, &subgraph{}, func(c *config.Config, o *gateway.Options) {
		o.Metrics = telemetry.New(registry)
		c.Caches = config.Caches{Documents: 64 << 10, Plans: 64 << 10}
	})
	for i := range 200 {
		send(t, "POST", url+"/graphql", fmt.Sprintf(`{"query":"{ a%d: hello }"}`, i))
	}
	got := figures(t, registry)
	for _, cache := range []string{"{document}", "{plan}"} {
		entries, evictions, bytes := got["cache_entries"+cache], got["cache_evictions_total"+cache], got["cache_bytes"+cache]
		if entries == 0 || evictions == 0 || entries+evictions != 200 || bytes < 32<<10 || bytes > 64<<10 {
			t.Errorf("%s: %v entries, %v bytes, %v evictions", cache, entries, bytes, evictions)
		}
	}
	gw.Close()
	if got := figures(t, registry); got["cache_entries{document}"] != 0 || got["cache_bytes{plan}"] != 0 {
		t.Errorf("after Close: got %v", got)
	}
}

func TestRequestsAreCountedInMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	gw, url := start(t, &subgraph{}, func(c *config.Config, o *gateway.Options) {
		o.Metrics = telemetry.New(registry)
		c.Caches.WarmUp = 0
		c.HTTP.Batching = config.Batching{Enabled: true, MaxSize: 2}
		c.TrafficShaping.Router.MaxInFlight = 2 // each operation of a batch counts
	})
	ask := func(body string, headers ...string) { send(t, "POST", url+"/graphql", body, headers...) }
	ask(query)
	ask(query)
	ask(`{"query":"{ hello fail }"}`)
	ask(`{"query":"{ fail }"}`)
	ask(`{"query":"{ nope }"}`)
	ask(`[{"query":"{ nope }"},{"query":"{ fail }"}]`)
	ask(subscription, "Accept: text/event-stream")
	got := figures(t, registry)
	for name, want := range map[string]float64{
		"graphql_errors_total{DOWNSTREAM_SERVICE_ERROR}":  3,
		"graphql_errors_total{GRAPHQL_VALIDATION_FAILED}": 2,
		"operation_duration_seconds{query,data}":          2,
		"operation_duration_seconds{query,partial}":       3,
		"operations_total{data}":                          5, // with three events
		"operations_total{partial}":                       3,
		"operations_total{client_errors}":                 2,
		"operations_total{errors}":                        0,
		"operations_in_flight{}":                          0,
		"subscriptions_active{}":                          0,
		"supergraph_loads_total{ok}":                      1,
		"cache_entries{document}":                         4,
		"cache_entries{plan}":                             4,
		"cache_evictions_total{document}":                 0,
		"cache_evictions_total{plan}":                     0,
		"cache_requests_total{document,hit}":              2,
		"plan_duration_seconds{}":                         4,
	} {
		if got[name] != want {
			t.Errorf("%s = %v, want %v", name, got[name], want)
		}
	}
	if err := gw.SetSupergraph("type"); err == nil {
		t.Error("an invalid supergraph was loaded")
	}
	if err := gw.SetSupergraph(sdl); err != nil {
		t.Error(err)
	}
	got = figures(t, registry)
	if got["supergraph_loads_total{failed}"] != 1 || got["supergraph_loads_total{ok}"] != 2 || got["cache_entries{document}"] != 0 {
		t.Errorf("after reloads: %v", got)
	}
}

// Whose failure an operation is decides the code that the subgraph sets, and the router's own.
func TestErrorsOfClientsAreCountedApart(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := &subgraph{}
	_, url := start(t, s, func(c *config.Config, o *gateway.Options) {
		o.Metrics = telemetry.New(registry)
		c.Telemetry.ClientErrorCodes = []string{"SOLD_OUT"}
	})
	for _, code := range []string{"NOT_FOUND", "SOLD_OUT", "INTERNAL_SERVER_ERROR", ""} {
		s.code = code
		send(t, "POST", url+"/graphql", `{"query":"{ fail }"}`)
	}
	send(t, "POST", url+"/graphql", `{"query":"{ nope }"}`)
	got := figures(t, registry)
	for name, want := range map[string]float64{
		"operations_total{client_errors}":                 3,
		"operations_total{partial}":                       2,
		"operation_duration_seconds{query,client_errors}": 2,
		"operation_duration_seconds{query,partial}":       2,
		"subgraph_refusals_total{a}":                      2,
	} {
		if got[name] != want {
			t.Errorf("%s = %v, want %v", name, got[name], want)
		}
	}
}

func TestShedRequestsAreCounted(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := &subgraph{hold: make(chan struct{})}
	_, url := start(t, s, func(c *config.Config, o *gateway.Options) {
		o.Metrics = telemetry.New(registry)
		c.TrafficShaping.Router.MaxInFlight = 1
	})
	first := make(chan reply)
	go func() { first <- send(t, "POST", url+"/graphql", query) }()
	eventually(t, func() bool { return s.count() == 1 })
	if got := send(t, "POST", url+"/graphql", query); got.status != http.StatusServiceUnavailable {
		t.Errorf("got status %d", got.status)
	}
	close(s.hold)
	<-first
	got := figures(t, registry)
	if got["shed_total{}"] != 1 || got["operations_total{errors}"] != 1 || got["operations_total{data}"] != 1 {
		t.Errorf("got %v, want one operation that is shed, and one with data", got)
	}
}
