package telemetry

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"go.opentelemetry.io/contrib/propagators/autoprop"
	"go.opentelemetry.io/otel/baggage"
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
// a map lookup for each header that may carry them. A header that is not valid counts as absent.
func (t *Telemetry) Extract(ctx context.Context, h http.Header) context.Context {
	for _, name := range t.carriers {
		if h[name] != nil {
			return t.Propagator.Extract(ctx, received{propagation.HeaderCarrier(h)})
		}
	}
	return ctx
}

// received are the headers of a request, without baggage that is not valid (W3C Baggage, section 3).
// The propagator would report that where exporters report their failures.
type received struct{ propagation.HeaderCarrier }

// Values implements propagation.ValuesGetter.
func (r received) Values(name string) []string {
	values := r.HeaderCarrier.Values(name)
	if name == "baggage" {
		if _, err := baggage.Parse(strings.Join(values, ",")); err != nil {
			return nil
		}
	}
	return values
}

// Inject writes the trace context and baggage of ctx to h, if there are any.
func (t *Telemetry) Inject(ctx context.Context, h http.Header) {
	t.Propagator.Inject(ctx, propagation.HeaderCarrier(h))
}
