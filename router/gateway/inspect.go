package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/console/record"
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

// A Plan is the query plan of an operation, with an explanation.
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

// Errors of PlanOf.
var (
	ErrUnplanned = errors.New("the operation was rejected before it had a plan")
	ErrReplaced  = errors.New("the supergraph has changed since the operation was executed")
	ErrHidden    = errors.New("the document is too large to be kept, or its values cannot be told from the rest")
)

// PlanOf makes the plan of a recorded operation again. Unless in development mode, the
// subgraph queries have variables in place of the values in the document.
func (gw *Gateway) PlanOf(ctx context.Context, t *record.Trace) (*plan.Plan, error) {
	if t.Supergraph == "" {
		return nil, ErrUnplanned
	}
	s := gw.acquire()
	if s == nil || s.id != t.Supergraph {
		if s != nil {
			s.release()
		}
		return nil, ErrReplaced
	}
	defer s.release()
	if t.Document.Cut {
		return nil, ErrHidden
	}
	done, err := s.cold.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	parsed, err := s.accepted.Parse(t.Document.Text, t.Document.Name)
	if err != nil {
		return nil, fmt.Errorf("parsing the document again: %w", err)
	}
	op := (&document{Document: parsed}).choose(t.Conditions, t.Deferring)
	if t.Authorized != nil {
		copied := *op
		copied.Selections = withDenials(op.Selections, denials(t.Authorized.Selections, "", map[string]*operation.Denial{}), "")
		op = &copied
	}
	made, err := s.newPlan(op, labelSet(t.Labels), t.Quick, t.Latencies)
	if err != nil {
		return nil, fmt.Errorf("planning the operation again: %w", err)
	}
	return made.Plan, nil
}

// denials collects the denied fields of an operation by their response paths.
func denials(list []operation.Selection, path string, into map[string]*operation.Denial) map[string]*operation.Denial {
	for _, sel := range list {
		switch sel := sel.(type) {
		case *operation.InlineFragment:
			denials(sel.Selections, path+"/"+sel.TypeCondition, into)
		case *operation.Field:
			if sel.Denied != nil {
				into[path+"."+sel.Alias] = sel.Denied
			}
			denials(sel.Selections, path+"."+sel.Alias, into)
		}
	}
	return into
}

// withDenials returns a copy of selections in which the fields at these paths are denied.
func withDenials(list []operation.Selection, denied map[string]*operation.Denial, path string) []operation.Selection {
	out := make([]operation.Selection, len(list))
	for i, sel := range list {
		switch sel := sel.(type) {
		case *operation.InlineFragment:
			copied := *sel
			copied.Selections = withDenials(sel.Selections, denied, path+"/"+sel.TypeCondition)
			out[i] = &copied
		case *operation.Field:
			copied := *sel
			copied.Denied = denied[path+"."+sel.Alias]
			if sel.Selections != nil {
				copied.Selections = withDenials(sel.Selections, denied, path+"."+sel.Alias)
			}
			out[i] = &copied
		}
	}
	return out
}

// EstimateCost estimates the cost of a recorded operation. It reports false if the variables
// are not recorded or the supergraph has changed.
func (gw *Gateway) EstimateCost(t *record.Trace) (float64, bool) {
	s := gw.current.Load()
	if s == nil || s.id != t.Supergraph || s.estimate == nil || t.Document.Cut || !gw.config.Dev {
		return 0, false
	}
	parsed, err := s.accepted.Parse(t.Document.Text, t.Document.Name)
	if err != nil {
		return 0, false
	}
	vars, err := parsed.Variables(t.Variables)
	if err != nil {
		return 0, false
	}
	cost, err := s.estimate(parsed.Operation(vars), vars)
	return cost, err == nil
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
		return nil, &operation.Error{Message: "The router is shutting down.", Code: codeShuttingDown}
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
	if e := gw.estimates(); e != nil {
		out.Plan, out.Explanation, err = s.planner.ExplainBy(op, e.Of, gw.config.OverrideLabels.Active...)
	} else {
		out.Plan, out.Explanation, err = s.planner.Explain(op, gw.config.OverrideLabels.Active...)
	}
	end()
	if err != nil {
		return nil, &operation.Error{Message: "The subgraphs cannot answer this operation: " + err.Error(), Code: "QUERY_PLANNING_FAILED"}
	}
	return out, nil
}
