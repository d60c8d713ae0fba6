package telemetry

import (
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// A Metric is the definition of a metric. It is also the source of docs/metrics.md.
type Metric struct {
	Name string
	Kind MetricKind
	// Help is the description, in one or two sentences.
	Help   string
	Labels []string
	// Buckets are the upper bounds of a Histogram.
	Buckets []float64
}

// MetricKind is the kind of a metric.
type MetricKind string

// The kinds of metrics.
const (
	Counter   MetricKind = "counter"
	Gauge     MetricKind = "gauge"
	Histogram MetricKind = "histogram"
)

// DurationBuckets returns the bucket bounds in seconds that the OpenTelemetry semantic
// conventions recommend for HTTP request durations.
func DurationBuckets() []float64 {
	return []float64{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10}
}

// WithBuckets returns m with other buckets, if there are any.
func (m Metric) WithBuckets(buckets []float64) Metric {
	if len(buckets) > 0 {
		m.Buckets = buckets
	}
	return m
}

// NewCounter registers m as a counter with labels.
func (m Metric) NewCounter(r prometheus.Registerer) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.Name, Help: m.Help}, m.Labels)
	r.MustRegister(v)
	return v
}

// NewGauge registers m as a gauge with labels.
func (m Metric) NewGauge(r prometheus.Registerer) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: m.Name, Help: m.Help}, m.Labels)
	r.MustRegister(v)
	return v
}

// NewHistogram registers m as a histogram with labels.
func (m Metric) NewHistogram(r prometheus.Registerer) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: m.Name, Help: m.Help, Buckets: m.Buckets}, m.Labels)
	r.MustRegister(v)
	return v
}

// A Bound caches the time series of a metric by a key, so that counting an event
// takes one lookup in a map without a lock. Keys must come from a bounded set,
// because series are never removed. Adding a series copies the map.
type Bound[K comparable, S any] struct {
	bind   func(K) S
	series atomic.Pointer[map[K]S]
	mu     sync.Mutex // held while a series is added
}

// Bind returns a Bound that creates a series with bind on first use.
func Bind[K comparable, S any](bind func(K) S) *Bound[K, S] {
	b := &Bound[K, S]{bind: bind}
	b.series.Store(&map[K]S{})
	return b
}

// Lookup returns the series of a key, if it exists.
func (b *Bound[K, S]) Lookup(key K) (S, bool) {
	s, ok := (*b.series.Load())[key]
	return s, ok
}

// Get returns the series of a key and creates it if necessary.
func (b *Bound[K, S]) Get(key K) S {
	if s, ok := b.Lookup(key); ok {
		return s
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	old := *b.series.Load()
	if s, ok := old[key]; ok {
		return s
	}
	s := b.bind(key)
	grown := make(map[K]S, len(old)+1)
	for k, v := range old {
		grown[k] = v
	}
	grown[key] = s
	b.series.Store(&grown)
	return s
}
