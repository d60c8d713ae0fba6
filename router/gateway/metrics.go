package gateway

import (
	"github.com/prometheus/client_golang/prometheus"

	"souk/router/telemetry"
)

// metrics holds the instruments of the hot path, resolved once.
type metrics struct {
	*telemetry.Metrics
	documentHits, documentMisses prometheus.Counter
	planHits, planMisses         prometheus.Counter
	planDuration                 prometheus.Observer
}

func newMetrics(m *telemetry.Metrics) *metrics {
	if m == nil {
		m = telemetry.New(nil)
	}
	return &metrics{
		Metrics:      m,
		documentHits: m.Document.Hits, documentMisses: m.Document.Misses,
		planHits: m.Plan.Hits, planMisses: m.Plan.Misses,
		planDuration: m.PlanDuration,
	}
}
