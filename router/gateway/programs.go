package gateway

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"
	"unsafe"

	"souk/router/execute"
	"souk/router/hook"
	"souk/router/operation"
	"souk/router/plan"
	"souk/router/plan/planner"
)

// planned is an entry of the plan cache: a program and its size in bytes.
type planned struct {
	*execute.Program
	weight int
	// replaceable is set instead if the operation may be planned again.
	replaceable *replaceableProgram
}

// size returns the size of the program in bytes.
func (p *planned) size() int {
	if p.replaceable != nil {
		return p.replaceable.current.Load().weight
	}
	return p.weight
}

// A planKey identifies an operation in the plan cache: a SHA-256 of its text and of everything else that
// its plan depends on.
type planKey [sha256.Size]byte

// planKey returns the key of an operation's plan.
func (s *snapshot) planKey(op *operation.Operation, labels labelSet) planKey {
	text := op.Key()
	if labels != "" {
		text += "\x00" + string(labels)
	}
	if s.gateway.config.Telemetry.SubgraphOperationNames {
		text += "\x00name\x00" + op.Name
	}
	return sha256.Sum256(unsafe.Slice(unsafe.StringData(text), len(text))) // without a copy
}

// program returns the program of an operation, from the plan cache or by planning it, and
// reports whether it was cached. Concurrent requests for the same operation wait for
// one planning.
//
// A document remembers the keys of its own operations. Those of others, such as
// those from which authorization removed fields for a caller, are made from their text.
func (s *snapshot) program(ctx context.Context, m *metrics, of *prepared) (*execute.Program, bool, error) {
	d, op := of.document, of.op
	key, known := d.planKey(op, of.labels)
	if !known {
		key = s.planKey(op, of.labels)
	}
	of.key = key
	p, hit := s.plans.Get(key)
	if hit {
		m.planHits.Inc()
	} else {
		m.planMisses.Inc()
		made, err, _ := s.planning.Do(string(key[:]), func() (any, error) { return s.plan(ctx, m, key, of) })
		if err != nil {
			return nil, false, err
		}
		p = made.(planned)
	}
	if !known && op == d.choose(of.vars, of.deferring) {
		d.keep(specialised{op, d.Conditions(of.vars), of.deferring, of.labels, key})
		s.reweigh(d)
	}
	if !hit && ctx.Err() != nil {
		return nil, false, context.Cause(ctx)
	}
	return s.latest(of, p, hit), hit, nil
}

// plan makes a program and stores it in the plan cache.
func (s *snapshot) plan(ctx context.Context, m *metrics, key planKey, of *prepared) (planned, error) {
	if p, ok := s.plans.Get(key); ok {
		return p, nil
	}
	// Other requests wait for this result, so it must not be canceled with the
	// request that started it.
	done, err := s.cold.begin(context.WithoutCancel(ctx))
	if err != nil {
		return planned{}, err
	}
	defer done()
	start := time.Now()
	_, end := s.gateway.beginStage(ctx, hook.QueryPlan)
	p, err := s.make(key, of)
	end(err)
	m.planDuration.Observe(time.Since(start).Seconds())
	if err != nil {
		return planned{}, err
	}
	return s.plans.Put(key, p, p.size()), nil
}

// make plans and compiles an operation.
func (s *snapshot) make(key planKey, of *prepared) (planned, error) {
	basis := planBasis{quick: !of.ahead && !s.gateway.config.QueryPlanner.CompleteSearch, estimates: s.gateway.estimates()}
	newProgram := s.keep
	if basis.latencies() == nil && !s.keepsPlans() {
		newProgram = s.draft
	}
	v, err := newProgram(of.op, of.labels, basis)
	if err != nil {
		return planned{}, err
	}
	if !v.unfinished() && !v.weighed() {
		return planned{Program: v.program, weight: v.weight}, nil
	}
	r := &replaceableProgram{key: key}
	r.current.Store(&v)
	return planned{replaceable: r}, nil
}

// keepsPlans reports whether programs refer to their plans.
func (s *snapshot) keepsPlans() bool {
	return s.gateway.demands() || s.gateway.hooks.HasPlan() || s.gateway.config.ExposeQueryPlan.Enabled
}

// keep makes a program that may refer to its plan.
func (s *snapshot) keep(op *operation.Operation, labels labelSet, basis planBasis) (version, error) {
	made, err := s.newPlan(op, labels, basis.quick, basis.latencies())
	if err != nil {
		return version{}, err
	}
	return s.newVersion(op, &made, basis)
}

// draft makes the program of a plan that is not kept, without latencies.
func (s *snapshot) draft(op *operation.Operation, labels labelSet, basis planBasis) (version, error) {
	made, err := s.plannerOf(basis.quick).Draft(op, labels.names(s.model)...)
	if err != nil {
		return version{}, err
	}
	defer made.Release()
	if s.gateway.config.Telemetry.SubgraphOperationNames {
		made.NameOperations(op.Name)
	}
	return s.newVersion(op, &made.Result, basis)
}

func (s *snapshot) newVersion(op *operation.Operation, made *planner.Result, basis planBasis) (version, error) {
	program, err := s.compile(made.Plan, op)
	if err != nil {
		return version{}, err
	}
	return version{program: program, weight: program.Size(), basis: basis, search: made.Search, cost: made.Cost, batching: made.Batching}, nil
}

// newPlan plans an operation, by latencies unless they are nil.
func (s *snapshot) newPlan(op *operation.Operation, labels labelSet, quick bool, by planner.Latencies) (planner.Result, error) {
	made, err := s.plannerOf(quick).Find(op, by, labels.names(s.model)...)
	if err == nil && s.gateway.config.Telemetry.SubgraphOperationNames {
		made.NameOperations(op.Name)
	}
	return made, err
}

// plannerOf returns the planner that ends the search for a better plan early, or the other one.
func (s *snapshot) plannerOf(quick bool) *planner.Planner {
	if quick {
		return s.quick
	}
	return s.planner
}

func (s *snapshot) compile(p *plan.Plan, op *operation.Operation) (*execute.Program, error) {
	program, err := s.executor.Compile(p)
	if err != nil {
		return nil, fmt.Errorf("compiling a plan: %w", err)
	}
	program.Audience = s.audience(op, program)
	program.Uses = s.elements.Of(op)
	program.Idempotency = s.idempotency(op)
	if r := s.gateway.options.Recorder; r != nil {
		program.Fields, program.Weighted = s.coordinates(r, op)
	}
	if s.gateway.demands() {
		program.Cost = s.demand.Plan(p, op)
	}
	if s.gateway.hooks.HasPlan() || s.gateway.config.ExposeQueryPlan.Enabled {
		program.Plan = p
	}
	return program, nil
}

// maxSpecialised is the number of programs that a document remembers the keys of. If it has more, the
// next one replaces all of them.
const maxSpecialised = 16

// planKey returns the key of the plan of one of the document's operations, if it is known.
func (d *document) planKey(op *operation.Operation, labels labelSet) (key planKey, ok bool) {
	if known := d.programs.Load(); known != nil {
		for i := range *known {
			if s := &(*known)[i]; s.op == op && s.labels == labels {
				return s.key, true
			}
		}
	}
	return key, false
}

// keep adds a program to those that the document remembers.
func (d *document) keep(p specialised) {
	for {
		known := d.programs.Load()
		var list []specialised
		if known != nil && len(*known) < maxSpecialised {
			list = append(make([]specialised, 0, len(*known)+1), *known...)
		}
		list = append(list, p)
		if d.programs.CompareAndSwap(known, &list) {
			return
		}
	}
}

// A specialised program is one made for particular values of the variables in @skip
// and @include, for a client with or without support for @defer, and for a set of
// override labels. The plan cache has it, unless it has been evicted.
type specialised struct {
	op *operation.Operation
	// conditions are the variables that select this operation.
	conditions operation.Variables
	deferring  bool
	labels     labelSet
	key        planKey
}

// size returns the size in bytes.
func (p *specialised) size() int {
	size := int(unsafe.Sizeof(*p))
	for i := range p.conditions {
		size += int(unsafe.Sizeof(p.conditions[i])) + len(p.conditions[i].Name) + cap(p.conditions[i].Value)
	}
	return size
}
