package router

import (
	"context"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"souk/router/hook"
)

// observer tells of the stages of operations: spans if traces are on, and what
// the program adds. It is nil if there is nobody to tell.
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

// spans puts a span around each stage. A request to a subgraph has one of its
// own, with more in it.
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
		if err != nil { // whose text may repeat values of the document
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
