package telemetry

import (
	"context"
	"reflect"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	base "souk/telemetry"
)

// InstrumentOptions define an instrument of the configuration.
type InstrumentOptions struct {
	// Metric is a Counter or a Histogram.
	Metric base.Metric
	// Max is how many combinations of values of its labels have time series of their own.
	Max int
}

// Instruments are the metrics that the configuration defines. They can be replaced while the router
// serves.
type Instruments struct {
	mu  sync.RWMutex
	now map[string]*Instrument
}

// NewInstruments registers instruments, of which there are none at first.
func NewInstruments(r prometheus.Registerer) *Instruments {
	i := &Instruments{}
	r.MustRegister((*instrumentCollector)(i))
	return i
}

// Replace replaces the instruments, by name. Those that stay the same keep their values. It returns
// all.
func (i *Instruments) Replace(all map[string]InstrumentOptions) map[string]*Instrument {
	i.mu.Lock()
	defer i.mu.Unlock()
	next := make(map[string]*Instrument, len(all))
	for name, o := range all {
		if former := i.now[name]; former != nil && reflect.DeepEqual(former.options, o) {
			next[name] = former
			continue
		}
		next[name] = newInstrument(o)
	}
	i.now = next
	return next
}

// An instrumentCollector collects the metrics of Instruments.
type instrumentCollector Instruments

// Describe implements prometheus.Collector. It describes nothing, because the metrics change.
func (i *instrumentCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (i *instrumentCollector) Collect(to chan<- prometheus.Metric) {
	i.mu.RLock()
	defer i.mu.RUnlock()
	for _, one := range i.now {
		one.collector.Collect(to)
	}
}

// An Instrument is a counter or a histogram.
type Instrument struct {
	options   InstrumentOptions
	series    *nameSet
	others    []string
	collector prometheus.Collector
	record    func(ctx context.Context, labels []string, value float64)
}

// separator is between the values of labels; values do not have it.
const separator = "\xff"

// maxLabelBytes bounds the values of the labels of an instrument.
const maxLabelBytes = 1 << 10

func newInstrument(o InstrumentOptions) *Instrument {
	i := &Instrument{options: o, others: make([]string, len(o.Metric.Labels))}
	for n := range i.others {
		i.others[n] = other
	}
	unregistered := prometheus.NewRegistry()
	var remove func(...string) bool
	if o.Metric.Kind == base.Histogram {
		v := o.Metric.NewHistogram(unregistered)
		i.collector, remove = v, v.DeleteLabelValues
		i.record = func(ctx context.Context, labels []string, value float64) {
			base.Observe(ctx, v.WithLabelValues(labels...), value)
		}
	} else {
		v := o.Metric.NewCounter(unregistered)
		i.collector, remove = v, v.DeleteLabelValues
		i.record = func(_ context.Context, labels []string, value float64) { v.WithLabelValues(labels...).Add(value) }
	}
	i.series = newNameSet(func(c chosen) { remove(strings.Split(c.name, separator)...) })
	i.series.joined = true
	i.series.longest = maxLabelBytes
	i.series.set(Names{Max: o.Max})
	return i
}

// Record adds a value, which is not negative, with the values of the labels. These are valid UTF-8.
func (i *Instrument) Record(ctx context.Context, labels []string, value float64) {
	if len(labels) > 0 && !i.own(labels) {
		labels = i.others
	}
	i.record(ctx, labels, value)
}

// own reports whether a combination of values has time series of its own.
func (i *Instrument) own(labels []string) bool {
	for _, value := range labels {
		if len(value) > maxNameBytes {
			return false
		}
	}
	key := strings.Join(labels, separator)
	return i.series.label(chosen{name: key}).name == key
}
