package gateway

import (
	"context"
	"encoding/json"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/operation"
	"souk/router/plan"
	"souk/router/plan/planner"
	"souk/router/supergraph"
)

// A Supergraph is the supergraph in use, for the console. Callers must not modify what it
// refers to.
type Supergraph struct {
	ID     string // hash of the SDL
	Loaded time.Time
	Model  *supergraph.Model
	// Schema is the API schema.
	Schema *ast.Schema
}

// Supergraph returns the supergraph in use. It reports false after Close.
func (gw *Gateway) Supergraph() (Supergraph, bool) {
	s := gw.current.Load()
	if s == nil {
		return Supergraph{}, false
	}
	return Supergraph{ID: s.id, Loaded: s.loaded, Model: s.model, Schema: s.schema.Definitions()}, true
}

// A Plan is the query plan of an operation with how it came about.
type Plan struct {
	Name        string // of the operation; empty if it is anonymous
	Plan        *plan.Plan
	Explanation planner.Explanation
	// Stages are the durations of parsing, validation, normalization and planning.
	Stages []StageTime
	Usage  operation.Usage
	// Cost is the estimated cost. HasCost is false if no estimator is configured, or if the
	// operation lacks an argument that the schema requires for the estimate.
	Cost    float64
	HasCost bool
}

// A StageTime is the duration of a stage.
type StageTime struct {
	Name     string
	Duration time.Duration
}

// Explain plans an operation without executing it and without using the caches. Hooks,
// authorization and persisted documents do not apply. The labels of progressive overrides
// are those in the configuration. The error is an [operation.Errors] or [*operation.Error]
// if the operation is not valid.
func (gw *Gateway) Explain(ctx context.Context, document, operationName string, variables json.RawMessage) (*Plan, error) {
	s := gw.acquire()
	if s == nil {
		return nil, &operation.Error{Message: "The router is shutting down.", Code: "SHUTTING_DOWN"}
	}
	defer s.release()
	done, err := s.cold.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	out := &Plan{}
	stage := func(name string) func() {
		began := time.Now()
		return func() { out.Stages = append(out.Stages, StageTime{name, time.Since(began)}) }
	}
	end := func() {}
	d, err := s.schema.ParseStages(document, operationName, func(st operation.Stage) {
		end()
		end = stage(string(parseStages[st]))
	})
	end()
	if err != nil {
		return nil, err
	}
	vars, err := d.Variables(variables)
	if err != nil {
		return nil, err
	}
	op := d.Operation(vars)
	out.Name, out.Usage = op.Name, d.Usage()
	if s.estimate != nil {
		cost, err := s.estimate(op, vars)
		out.Cost, out.HasCost = cost, err == nil
	}
	end = stage("graphql.plan")
	out.Plan, out.Explanation, err = s.planner.Explain(op, gw.config.OverrideLabels.Active...)
	end()
	if err != nil {
		return nil, &operation.Error{Message: "The subgraphs cannot answer this operation: " + err.Error(), Code: "QUERY_PLANNING_FAILED"}
	}
	return out, nil
}
