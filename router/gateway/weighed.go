package gateway

import (
	"context"
	"sync/atomic"
	"time"

	"souk/router/execute"
	"souk/router/latency"
	"souk/router/operation"
	"souk/router/plan/planner"
)

// A weighedProgram is the program of an operation whose plan depends on the latencies of
// subgraphs. All caches of the operation have it, so that a new program replaces the former one
// in all of them.
type weighedProgram struct {
	key planKey
	by  atomic.Pointer[weighing]
	// replacing is set while a new program is made.
	replacing atomic.Bool
}

// A weighing is a program with the latencies that it was planned by.
type weighing struct {
	program   *execute.Program
	estimates *latency.Estimates
	batching  *planner.Batching
	weight    int // in the plan cache, in bytes
}

// estimates returns the current latencies, or nil if plans do not depend on them.
func (gw *Gateway) estimates() *latency.Estimates {
	if gw.latencies == nil {
		return nil
	}
	return gw.latencies.Estimates()
}

// latencies returns those that a program was planned by, or nil.
func (p *planned) latencies() planner.Latencies {
	if p.weighed == nil {
		return nil
	}
	return p.weighed.by.Load().estimates.Of
}

// measureSubgraphs measures how long the requests of a query took.
func (gw *Gateway) measureSubgraphs(kind operation.Kind, fetches []execute.FetchStatistics) {
	if gw.latencies == nil || kind != operation.Query {
		return
	}
	for i := range fetches {
		if f := &fetches[i]; f.Err == nil && f.Sent > 0 && f.Status >= 200 && f.Status < 300 && !f.NoData {
			gw.latencies.Observe(f.Subgraph, f.Start.Add(f.Duration), f.Duration)
		}
	}
}

// latest returns the program of a cache entry. If it was planned by latencies that have
// changed, a new program is made in the background for the requests that follow.
func (s *snapshot) latest(of *prepared, p planned) *execute.Program {
	if p.weighed == nil {
		return p.Program
	}
	w := p.weighed.by.Load()
	if s.gateway.estimates() != w.estimates && p.weighed.replacing.CompareAndSwap(false, true) {
		s.replace(p.weighed, of.op, of.labels)
	}
	of.weighedBy = w.estimates.Of
	return w.program
}

// replace makes a program by the current latencies, unless all that may plan at the same time are
// busy: then a later request does it.
func (s *snapshot) replace(p *weighedProgram, op *operation.Operation, labels labelSet) {
	if !s.retain() {
		p.replacing.Store(false)
		return
	}
	done, ok := s.cold.try()
	if !ok {
		s.release()
		p.replacing.Store(false)
		return
	}
	go func() {
		defer s.release()
		defer done()
		defer p.replacing.Store(false)
		s.replan(p, op, labels)
	}()
}

// The results of planning again.
const (
	planChanged = "changed"
	planSame    = "same"
	planFailed  = "failed"
)

func (s *snapshot) replan(p *weighedProgram, op *operation.Operation, labels labelSet) {
	old, began := p.by.Load(), time.Now()
	next := *old
	next.estimates = s.gateway.estimates()
	made, batching, err := s.newPlan(op, labels, next.estimates.Of)
	result := planSame
	switch {
	case err != nil:
		result = planFailed // the former program is still right
	case batching.SameBatches(old.batching):
		next.batching = batching
	default:
		program, err := s.compile(made, op)
		if err != nil {
			result = planFailed
			break
		}
		result = planChanged
		next = weighing{program, next.estimates, batching, program.Size()}
	}
	s.gateway.metrics.Replanned(result).Inc()
	p.by.Store(&next)
	if result == planChanged {
		s.plans.Reweigh(p.key, next.weight)
	}
	s.gateway.metrics.planDuration.Observe(time.Since(began).Seconds())
	if err != nil {
		s.gateway.logger.Warn("an operation cannot be planned by new latencies; its plan stays in use", "operation", op.Name, "error", err)
	} else {
		s.gateway.logger.DebugContext(context.Background(), "planned by new latencies", "operation", op.Name, "plan", result)
	}
}
