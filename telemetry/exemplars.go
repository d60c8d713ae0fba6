package telemetry

import (
	"context"
	"encoding/hex"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// binaryExemplars corrects the exemplars of a producer that reads a Prometheus registry. It
// passes on the text of a trace ID, where OTLP has its bytes: collectors refuse a trace ID of
// another length together with the whole request.
type binaryExemplars struct{ metric.Producer }

// Produce implements metric.Producer.
func (p binaryExemplars) Produce(ctx context.Context) ([]metricdata.ScopeMetrics, error) {
	scopes, err := p.Producer.Produce(ctx)
	for _, scope := range scopes {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for i := range data.DataPoints {
					decodeExemplars(data.DataPoints[i].Exemplars)
				}
			case metricdata.Sum[float64]:
				for i := range data.DataPoints {
					decodeExemplars(data.DataPoints[i].Exemplars)
				}
			}
		}
	}
	return scopes, err
}

func decodeExemplars(list []metricdata.Exemplar[float64]) {
	for i := range list {
		list[i].TraceID, list[i].SpanID = decodeID(list[i].TraceID), decodeID(list[i].SpanID)
	}
}

// decodeID decodes the text of an ID. One that is no text of an ID is left out.
func decodeID(text []byte) []byte {
	id, err := hex.DecodeString(string(text))
	if err != nil || len(id) == 0 {
		return nil
	}
	return id
}
