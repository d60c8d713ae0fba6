package notifier

import (
	"github.com/prometheus/client_golang/prometheus"

	"souk/telemetry"
)

var metricAttempts = telemetry.Metric{
	Name: "souk_message_attempts_total", Kind: telemetry.Counter,
	Help:   "Attempts to send a message, by channel and result: sent or failed.",
	Labels: []string{"channel", "result"},
}

// Metrics count the attempts of a [Service].
type Metrics struct{ attempts *prometheus.CounterVec }

// NewMetrics registers the metrics. Every series exists from the start.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{metricAttempts.NewCounter(r)}
	for _, channel := range []Channel{Email, SMS} {
		for _, result := range []string{"sent", "failed"} {
			m.attempts.WithLabelValues(string(channel), result)
		}
	}
	return m
}

func (m *Metrics) attempted(channel Channel, failure error) {
	result := "sent"
	if failure != nil {
		result = "failed"
	}
	m.attempts.WithLabelValues(string(channel), result).Inc()
}
