package gateway

import (
	"github.com/prometheus/client_golang/prometheus"

	"souk/router/execute"
	"souk/router/operation"
	"souk/router/telemetry"
)

// metrics holds the instruments of the hot path, resolved once.
type metrics struct {
	*telemetry.Metrics
	blame                        telemetry.Blame
	documentHits, documentMisses prometheus.Counter
	planHits, planMisses         prometheus.Counter
	planDuration                 prometheus.Observer
}

func newMetrics(m *telemetry.Metrics, clientErrorCodes ...string) *metrics {
	if m == nil {
		m = telemetry.New(nil)
	}
	return &metrics{
		Metrics: m, blame: telemetry.NewBlame(clientErrorCodes...),
		documentHits: m.Document.Hits, documentMisses: m.Document.Misses,
		planHits: m.Plan.Hits, planMisses: m.Plan.Misses,
		planDuration: m.PlanDuration,
	}
}

// refused counts an operation that is not executed, and its errors.
func (m *metrics) refused(list []*operation.Error) {
	codes := make([]string, len(list))
	for i, e := range list {
		codes[i] = e.Code
	}
	m.countErrors(codes)
	m.Ended(m.blame.Outcome(codes, true)).Inc()
}

// countRefusals counts the subgraphs that sent nothing but errors of the client.
func (m *metrics) countRefusals(fetches []execute.FetchStatistics) {
	for i := range fetches {
		if f := &fetches[i]; f.NoData && m.blame.Outcome(f.Codes, true) == telemetry.ClientErrors {
			m.Subgraph(f.Subgraph).Refusals.Inc()
		}
	}
}

func (m *metrics) countErrors(codes []string) {
	for _, code := range codes {
		m.GraphQLError(code).Inc()
	}
}
