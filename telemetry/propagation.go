package telemetry

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"go.opentelemetry.io/contrib/propagators/autoprop"
	"go.opentelemetry.io/otel/propagation"
)

// newPropagator returns the propagator that OTEL_PROPAGATORS selects: W3C Trace Context and
// Baggage by default. names are the headers that may carry a trace context, in canonical form.
func newPropagator(getenv func(string) string) (p propagation.TextMapPropagator, names []string, err error) {
	p = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})
	if text := getenv("OTEL_PROPAGATORS"); text != "" {
		var kinds []string
		for kind := range strings.SplitSeq(text, ",") {
			kinds = append(kinds, strings.TrimSpace(kind))
		}
		if p, err = autoprop.TextMapPropagator(kinds...); err != nil {
			return nil, nil, fmt.Errorf("OTEL_PROPAGATORS=%s: %w: use tracecontext, baggage, b3, b3multi, jaeger, xray, ottrace or none", text, err)
		}
	}
	for _, name := range p.Fields() {
		// tracestate means nothing without traceparent.
		if name = http.CanonicalHeaderKey(name); name != "Tracestate" {
			names = append(names, name)
		}
	}
	return p, names, nil
}

// Extract returns ctx with the trace context and baggage of h. Without any, it costs
// a map lookup for each header that may carry them.
func (t *Telemetry) Extract(ctx context.Context, h http.Header) context.Context {
	for _, name := range t.carriers {
		if h[name] != nil {
			return t.Propagator.Extract(ctx, propagation.HeaderCarrier(h))
		}
	}
	return ctx
}

// Inject writes the trace context and baggage of ctx to h, if there are any.
func (t *Telemetry) Inject(ctx context.Context, h http.Header) {
	t.Propagator.Inject(ctx, propagation.HeaderCarrier(h))
}
