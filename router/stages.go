package router

import (
	"context"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"souk/router/hook"
)

// observer returns the observer of stages: spans if traces are on, and the program's
// own. It is nil if there is neither.
func (r *Router) observer() hook.Observer {
	var all observers
	if r.options.Telemetry.Traces() {
		all = append(all, spans{r.options.Telemetry.TracerProvider.Tracer("souk/router")})
	}
	if r.options.Observer != nil {
		all = append(all, r.options.Observer)
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return all
}

// spans starts a span for each stage, except for requests to subgraphs: observe adds
// a span with more attributes for them.
type spans struct{ tracer trace.Tracer }

// BeginStage implements hook.Observer.
func (s spans) BeginStage(ctx context.Context, stage hook.Stage) (context.Context, func(error)) {
	if stage.Name == hook.SubgraphOperation { // see observe
		return ctx, func(error) {}
	}
	ctx, span := s.tracer.Start(ctx, string(stage.Name))
	if stage.Subgraph != "" {
		span.SetAttributes(subgraphName.String(stage.Subgraph))
	}
	return ctx, func(err error) {
		if err != nil { // its text may repeat values of the document
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}

// observers are several observers, the first outermost.
type observers []hook.Observer

// BeginStage implements hook.Observer.
func (o observers) BeginStage(ctx context.Context, stage hook.Stage) (context.Context, func(error)) {
	ends := make([]func(error), len(o))
	for i, one := range o {
		ctx, ends[len(o)-1-i] = one.BeginStage(ctx, stage)
	}
	return ctx, func(err error) {
		for _, end := range ends {
			end(err)
		}
	}
}
