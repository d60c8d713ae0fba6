package router

import (
	"slices"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"souk/router/dependency"
	"souk/router/gateway/config"
	routertelemetry "souk/router/telemetry"
	"souk/telemetry"
)

// variantLabel is the label of the metrics of a canary. Those of the router have none, so that
// they keep their names with and without a canary.
const variantLabel = "variant"

// comparison begins the names of the metrics that compare the variants, which the router has.
const comparison = "souk_router_canary_"

// A variantMetrics has the metrics of the canaries that serve requests, one after another. They
// are apart from those of the router, because a gauge such as the state of a circuit breaker has
// one value.
type variantMetrics struct {
	registry     *prometheus.Registry
	metrics      *routertelemetry.Metrics
	dependencies *dependency.Set
	// canaries counts those that are in use. The metrics are served while there is one.
	canaries atomic.Int32
	remove   func()
}

// ofVariant returns what a canary with options o shares with s: all but the metrics and the
// dependencies.
func (s *shared) ofVariant(c config.Config, o Options) *shared {
	if s.variant == nil {
		registry := prometheus.NewRegistry()
		m := routertelemetry.NewWithBuckets(registry, c.Telemetry.BucketSeconds())
		exportCounters(m)
		s.variant = &variantMetrics{registry: registry, metrics: m, dependencies: dependency.NewSet(dependency.Options{Logger: o.Telemetry.Logger, Metrics: m})}
	}
	of := *s
	of.metrics, of.dependencies = s.variant.metrics, s.variant.dependencies
	return &of
}

// expose serves the metrics until the returned function is called.
func (v *variantMetrics) expose(t *telemetry.Telemetry) func() error {
	if v.remove == nil {
		v.remove = t.Add(v)
	}
	v.canaries.Add(1)
	return func() error { v.canaries.Add(-1); return nil }
}

func (v *variantMetrics) close() {
	if v != nil && v.remove != nil {
		v.remove()
	}
}

// Gather implements [prometheus.Gatherer]. It adds the label.
func (v *variantMetrics) Gather() ([]*dto.MetricFamily, error) {
	if v.canaries.Load() == 0 {
		return nil, nil
	}
	families, err := v.registry.Gather()
	families = slices.DeleteFunc(families, func(f *dto.MetricFamily) bool { return strings.HasPrefix(f.GetName(), comparison) })
	name, value := variantLabel, variantCanary
	label := &dto.LabelPair{Name: &name, Value: &value}
	for _, f := range families {
		for _, m := range f.Metric {
			m.Label = append(m.Label, label)
			slices.SortFunc(m.Label, func(a, b *dto.LabelPair) int { return strings.Compare(a.GetName(), b.GetName()) })
		}
	}
	return families, err
}
