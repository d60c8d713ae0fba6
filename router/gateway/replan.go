package gateway

import (
	"context"
	"sync/atomic"
	"time"

	"souk/router/execute"
	"souk/router/internal/panics"
	"souk/router/latency"
	"souk/router/operation"
	"souk/router/plan/planner"
)

// A replaceableProgram is the program of an operation that may be planned again: the search for a better
// plan has ended early, or the plan depends on the latencies of subgraphs. All caches of the operation
// have it, so that a new program replaces the former one in all of them.
type replaceableProgram struct {
	key     planKey
	current atomic.Pointer[version]
	// replacing is set while a new program is made.
	replacing atomic.Bool
}

// A version is a program with how it was planned.
type version struct {
	program *execute.Program
	weight  int // in the plan cache, in bytes
	basis   planBasis
	// complete is set if a longer search has found nothing better.
	complete bool
	// search is the outcome of the search for a better plan, and cost what it found.
	search planner.Search
	cost   planner.Cost
	// batching is what latencies changed; nil without latencies.
	batching *planner.Batching
}

// A planBasis is what a plan is made by, besides the operation.
type planBasis struct {
	// quick is set to end the search for a better plan early.
	quick bool
	// estimates are latencies of subgraphs; nil for none.
	estimates *latency.Estimates
}

// latencies returns those of the estimates, or nil.
func (b planBasis) latencies() planner.Latencies {
	if b.estimates == nil {
		return nil
	}
	return b.estimates.Of
}

// unfinished reports whether a longer search may find a better plan.
func (v *version) unfinished() bool {
	return v.basis.quick && v.search == planner.Incomplete && !v.complete
}

// weighed reports whether the plan may differ with other latencies.
func (v *version) weighed() bool { return v.batching != nil && v.batching.Matters }

// estimates returns the current latencies, or nil if plans do not depend on them.
func (gw *Gateway) estimates() *latency.Estimates {
	if gw.latencies == nil {
		return nil
	}
	return gw.latencies.Estimates()
}

// basis returns what the plan of a cache entry was made by.
func (p *planned) basis() planBasis {
	if p.replaceable == nil {
		return planBasis{}
	}
	return p.replaceable.current.Load().basis
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

// latest returns the program of a cache entry. If the operation is used again and a better plan is
// possible, a new program is made in the background for the requests that follow: after a search that
// has ended early, or by latencies that have changed.
func (s *snapshot) latest(of *prepared, p planned, again bool) *execute.Program {
	r := p.replaceable
	if r == nil {
		return p.Program
	}
	v := r.current.Load()
	outdated := v.unfinished() && again || v.weighed() && s.gateway.estimates() != v.basis.estimates
	if outdated && r.replacing.CompareAndSwap(false, true) {
		s.replace(r, of.op, of.labels)
	}
	of.basis = v.basis
	return v.program
}

// replace plans an operation again, unless all that may plan at the same time are busy: then a later
// request does it.
func (s *snapshot) replace(p *replaceableProgram, op *operation.Operation, labels labelSet) {
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

// replan plans an operation again.
func (s *snapshot) replan(p *replaceableProgram, op *operation.Operation, labels labelSet) {
	old, began := p.current.Load(), time.Now()
	basis := planBasis{estimates: s.gateway.estimates()}
	next := new(*old)
	next.basis.estimates, next.complete = basis.estimates, true
	err := panics.Catch(func() error {
		better, err := s.improve(old, op, labels, basis)
		if better != nil {
			next = better
		}
		return err
	})
	p.current.Store(next)
	result := planSame
	switch {
	case err != nil:
		result = planFailed
	case next.program != old.program:
		result = planChanged
		s.plans.Reweigh(p.key, next.weight)
	}
	s.gateway.metrics.Replanned(result).Inc()
	s.gateway.metrics.planDuration.Observe(time.Since(began).Seconds())
	if err != nil {
		s.gateway.logger.Warn("an operation cannot be planned again; its plan stays in use", "operation", op.Name, "error", err)
	} else {
		s.gateway.logger.DebugContext(context.Background(), "planned again", "operation", op.Name, "plan", result)
	}
}

// improve returns a better version than an old one, or nil if there is none.
func (s *snapshot) improve(old *version, op *operation.Operation, labels labelSet, basis planBasis) (*version, error) {
	made, err := s.newPlan(op, labels, basis.quick, basis.latencies())
	if err != nil || !made.Cost.Better(old.cost) && made.Batching.SameBatches(old.batching) {
		return nil, err
	}
	next, err := s.newVersion(op, &made, basis)
	if err != nil || !s.plans.Fits(next.weight) && s.plans.Fits(old.weight) { // it would have to be made again and again
		return nil, err
	}
	return &next, nil
}
