package router

import (
	"context"
	"maps"
	"slices"
	"time"

	"souk/router/coprocessor"
	"souk/router/dependency"
	"souk/router/gateway/config"
)

// coprocessor returns the client of the coprocessor.
func (r *Router) coprocessor(c config.Coprocessor, stages map[coprocessor.Stage]coprocessor.Include) *coprocessor.Coprocessor {
	d := r.dependencies.Open(dependency.Coprocessor, "coprocessor", dependency.Use{Effect: withoutCoprocessor})
	made := coprocessor.New(coprocessor.Options{
		URL: c.URL, Timeout: c.Timeout, MaxConnections: c.MaxConnections, MaxResponseBytes: c.MaxResponseBytes,
		Stages: stages, Policies: c.Policies, Verdicts: r.verdicts(), ContextRead: r.readsContext(stages), Propagator: r.options.Telemetry.Propagator,
		Report: func(ctx context.Context, stage coprocessor.Stage, took time.Duration, err error) {
			d.Observe(ctx, err)
			r.metrics.Coprocessor(string(stage), err == nil).Observe(took.Seconds())
		},
	})
	r.closers = append(r.closers, func() error { d.Close(); return made.Close() })
	return made
}

// readsContext reports whether anything besides the decisions on policies may read what the
// coprocessor sets in the context at SupergraphRequest: headers for subgraphs, the cache, a later
// stage, or the hooks of the program.
func (r *Router) readsContext(stages map[coprocessor.Stage]coprocessor.Include) bool {
	for stage, sent := range stages {
		if sent.Context && stage != coprocessor.RouterRequest && stage != coprocessor.SupergraphRequest {
			return true
		}
	}
	return r.ownHooks > 0 || len(r.config.Headers.ContextOf(slices.Collect(maps.Keys(r.config.Headers.Subgraphs))...)) > 0 ||
		r.config.ResponseCache.Enabled && r.config.ResponseCache.Subgraph.ByContext()
}

// coprocessorStages returns the enabled stages: those for which the configuration sends
// anything.
func coprocessorStages(c config.Coprocessor) map[coprocessor.Stage]coprocessor.Include {
	include := func(s config.CoprocessorStage) coprocessor.Include {
		return coprocessor.Include{Headers: s.Headers, Body: s.Body, Context: s.Context, SDL: s.SDL, Open: s.OnFailure == "open"}
	}
	subgraph := func(s config.CoprocessorSubgraphStage) coprocessor.Include {
		return coprocessor.Include{Headers: s.Headers, Body: s.Body, Context: s.Context, Open: s.OnFailure == "open"}
	}
	execution := c.Execution.Request
	stages := map[coprocessor.Stage]coprocessor.Include{
		coprocessor.RouterRequest:      include(c.Router.Request),
		coprocessor.RouterResponse:     include(c.Router.Response),
		coprocessor.SupergraphRequest:  include(c.Supergraph.Request),
		coprocessor.SupergraphResponse: include(c.Supergraph.Response),
		coprocessor.SubgraphRequest:    subgraph(c.Subgraph.All.Request),
		coprocessor.SubgraphResponse:   subgraph(c.Subgraph.All.Response),
		coprocessor.ExecutionRequest: {
			Headers: execution.Headers, Body: execution.Body, Context: execution.Context, SDL: execution.SDL,
			QueryPlan: execution.QueryPlan, Open: execution.OnFailure == "open",
		},
		coprocessor.ExecutionResponse: include(c.Execution.Response),
	}
	for stage, sent := range stages {
		if !sent.Anything() {
			delete(stages, stage)
		}
	}
	return stages
}
