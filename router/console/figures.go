package console

import (
	dto "github.com/prometheus/client_model/go"

	"souk/router/console/record"
)

// latencies are nil if no duration was measured.
type latencies struct {
	P50 *float64 `json:"p50"`
	P95 *float64 `json:"p95"`
	P99 *float64 `json:"p99"`
}

func latenciesOf(s record.Stats) latencies {
	if s.Timed == 0 {
		return latencies{}
	}
	return latencies{&s.P50, &s.P95, &s.P99}
}

// figures are the router's metrics by name.
type figures map[string][]*dto.Metric

func (h *handler) figures() figures {
	out := figures{}
	if h.Metrics == nil {
		return out
	}
	families, err := h.Metrics.Gather()
	if err != nil && len(families) == 0 {
		return out
	}
	for _, f := range families {
		out[f.GetName()] = f.GetMetric()
	}
	return out
}

// sum returns the sum of a counter or gauge over all series with these labels, given as
// names and values.
func (f figures) sum(name string, labels ...string) float64 {
	sum := 0.0
	for _, m := range f[name] {
		if has(m, labels) {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum
}

func has(m *dto.Metric, labels []string) bool {
	for i := 0; i+1 < len(labels); i += 2 {
		if label(m, labels[i]) != labels[i+1] {
			return false
		}
	}
	return true
}

// label returns the value of a label, or "".
func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}
