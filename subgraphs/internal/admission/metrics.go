package admission

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"souk/telemetry"
)

var metricShed = telemetry.Metric{
	Name: "souk_requests_shed_total", Kind: telemetry.Counter,
	Help:   "Requests that the service refused because it had too many, by reason: full (as many ran and waited as may), waited (too long), or deadline (it could not have run in time).",
	Labels: []string{"reason"},
}

// reasons are the values of the label reason.
var reasons = map[string]error{"full": ErrFull, "waited": ErrWaited, "deadline": ErrDeadline}

// metrics count what a gate refuses.
type metrics struct{ shed *prometheus.CounterVec }

// newMetrics registers the metrics. Every series exists from the start.
func newMetrics(r prometheus.Registerer) metrics {
	m := metrics{metricShed.NewCounter(r)}
	for reason := range reasons {
		m.shed.WithLabelValues(reason)
	}
	return m
}

// refused counts a refusal, unless the caller has left.
func (m metrics) refused(err error) {
	for reason, known := range reasons {
		if errors.Is(err, known) {
			m.shed.WithLabelValues(reason).Inc()
			return
		}
	}
}
