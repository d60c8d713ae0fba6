package cache

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"souk/router/telemetry"
)

// A value that changed in the subgraph without an invalidation is counted as different, and
// replaced; one that was invalidated in the meantime is not compared.
func TestValuesAreComparedWithTheSubgraph(t *testing.T) {
	f := newFixture(t)
	registry := prometheus.NewRegistry()
	r := f.router(func(o *Options) { o.Compare, o.LocalBytes, o.Metrics = 1, -1, telemetry.New(registry) })
	q := request{selection: productName, reps: product(1)}
	count := func(what string, equal, different float64) {
		t.Helper()
		m := r.cache.options.Metrics.EntityCache.Type("shop", "Product")
		if e, d := counted(t, m.Equal), counted(t, m.Different); e != equal || d != different {
			t.Errorf("%s: got %v equal and %v different, want %v and %v", what, e, d, equal, different)
		}
	}
	count("before the first request", 0, 0)
	r.want("first", q, `{"id":"1","name":"one"}`, `{"id":"1","name":"one"}`)
	count("first", 0, 0)
	f.advance(time.Second)
	r.step()
	r.want("the same in another order", q, `{"name":"one","id":"1"}`, `{"name":"one","id":"1"}`)
	count("the same in another order", 1, 0)
	r.want("changed", q, `{"id":"1","name":"two"}`, `{"id":"1","name":"two"}`)
	count("changed", 1, 1)
	r.want("again", q, `{"id":"1","name":"two"}`, `{"id":"1","name":"two"}`)
	count("again", 2, 1)
	r.run(q, func(string) string {
		f.event("product.updated", "1")
		r.step()
		return `{"id":"1","name":"three"}`
	})
	count("invalidated while it was fetched", 2, 1)
	r.want("no entity", q, `null`, `null`)
	count("no entity", 2, 1)
	if age := ages(t, registry); age.GetSampleCount() != 4 || age.GetSampleSum() != 1 {
		t.Errorf("got %d ages with a sum of %v s", age.GetSampleCount(), age.GetSampleSum())
	}
}

// Whether values are compared is decided once for a request, not for each of its entities.
func TestAllValuesOfARequestAreCompared(t *testing.T) {
	f := newFixture(t)
	r := f.router(func(o *Options) {
		o.Compare, o.LocalBytes, o.Metrics = 0.25, -1, telemetry.New(prometheus.NewRegistry())
	})
	var draws []float64
	r.cache.random = func() (next float64) {
		next, draws = draws[0], draws[1:]
		return next
	}
	three := request{selection: productName, reps: product(1, 2, 3)}
	draws = []float64{0.9}
	r.want("first", three, `{"name":"x"}`, `{"name":"x"} {"name":"x"} {"name":"x"}`)
	draws = []float64{0.3, 0.2}
	r.want("not compared", three, `{"name":"y"}`, `{"name":"x"}* {"name":"x"}* {"name":"x"}*`)
	r.want("compared", three, `{"name":"x"}`, `{"name":"x"} {"name":"x"} {"name":"x"}`)
	if len(draws) != 0 {
		t.Errorf("%d decisions are left", len(draws))
	}
	m := r.cache.options.Metrics.EntityCache.Type("shop", "Product")
	if equal, different := counted(t, m.Equal), counted(t, m.Different); equal != 3 || different != 0 {
		t.Errorf("got %v equal and %v different values, want 3 and 0", equal, different)
	}
}

func counted(t *testing.T, c prometheus.Counter) float64 {
	t.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

func ages(t *testing.T, registry *prometheus.Registry) *dto.Histogram {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "souk_router_entity_cache_age_seconds" {
			continue
		}
		for _, m := range family.GetMetric() {
			if h := m.GetHistogram(); h.GetSampleCount() > 0 {
				return h
			}
		}
	}
	return &dto.Histogram{}
}
