package telemetry

import (
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// otherMetrics are the sources of metrics beside the registry.
type otherMetrics struct {
	mu   sync.Mutex
	list []*prometheus.Gatherer
}

// Add serves and exports the metrics of another source with those of Registry, until the returned
// function is called. Their labels must tell them apart from those of Registry.
func (t *Telemetry) Add(from prometheus.Gatherer) (remove func()) {
	t.others.mu.Lock()
	defer t.others.mu.Unlock()
	added := &from
	t.others.list = append(t.others.list, added)
	return func() {
		t.others.mu.Lock()
		defer t.others.mu.Unlock()
		t.others.list = slices.DeleteFunc(t.others.list, func(g *prometheus.Gatherer) bool { return g == added })
	}
}

// Gather implements [prometheus.Gatherer] with the metrics of Registry and of the sources that
// were added.
func (t *Telemetry) Gather() ([]*dto.MetricFamily, error) {
	all := prometheus.Gatherers{t.Registry}
	t.others.mu.Lock()
	for _, g := range t.others.list {
		all = append(all, *g)
	}
	t.others.mu.Unlock()
	return all.Gather()
}
