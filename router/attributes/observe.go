package attributes

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"souk/router/console/record"
	"souk/router/gateway/config"
	"souk/router/telemetry"
)

// An Observer sets the attributes of spans and records instruments.
type Observer struct {
	set         Set
	spans       []string
	instruments []instrument
}

type instrument struct {
	metric     *telemetry.Instrument
	attributes []string
	conditions Conditions
	value      func(*record.Operation) float64
}

// measures are what instruments record, by the names in the configuration.
var measures = map[string]func(*record.Operation) float64{
	"operations": func(*record.Operation) float64 { return 1 },
	"duration":   func(o *record.Operation) float64 { return o.Duration.Seconds() },
	"errors":     func(o *record.Operation) float64 { return float64(o.Errors) },
	"cost":       func(o *record.Operation) float64 { return max(o.Actual, 0) },
	"fetches": func(o *record.Operation) float64 {
		sent := 0
		for i := range o.Fetches {
			if o.Fetches[i].Sent > 0 {
				sent++
			}
		}
		return float64(sent)
	},
}

// NewObserver returns the Observer of a configuration, or nil if it has no such attributes and
// instruments. metrics has the instruments by name.
func NewObserver(c *config.Telemetry, metrics map[string]*telemetry.Instrument) *Observer {
	if len(c.SpanAttributes)+len(c.Instruments) == 0 {
		return nil
	}
	o := &Observer{set: c.Attributes, spans: c.SpanAttributes}
	for name, i := range c.Instruments {
		o.instruments = append(o.instruments, instrument{metrics[name], i.Attributes, o.set.Conditions(i.Conditions), measures[i.Measure]})
	}
	return o
}

// Report observes an operation that has ended.
func (o *Observer) Report(ctx context.Context, op *record.Operation) {
	from := From(ctx, op)
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		for _, name := range o.spans {
			if value := o.set.Value(name, from); value != "" {
				span.SetAttributes(attribute.String(name, value))
			}
		}
	}
	for _, i := range o.instruments {
		if !i.conditions.Hold(from) {
			continue
		}
		labels := make([]string, len(i.attributes))
		for n, name := range i.attributes {
			labels[n] = o.set.Value(name, from)
		}
		i.metric.Record(ctx, labels, i.value(op))
	}
}
