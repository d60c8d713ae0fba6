package planner

import (
	"slices"

	"souk/router/operation"
	"souk/router/plan"
	"souk/router/supergraph"
)

// Options bound a planner's work.
type Options struct {
	// MaxEdges is how many edges of the query graph may be looked at for one
	// operation. 0 means 200,000, which takes less than a second.
	MaxEdges int
}

// A Planner plans operations on one supergraph. It is safe for concurrent use.
type Planner struct {
	model   *supergraph.Model
	options Options
	effort  effort
	// What is the same for all operations.
	types        *responseTypes
	requirements *requirements
}

// New returns a planner for a supergraph.
func New(m *supergraph.Model, o Options) *Planner {
	if o.MaxEdges == 0 {
		o.MaxEdges = 200_000
	}
	return &Planner{model: m, options: o, effort: complete, types: &responseTypes{}, requirements: &requirements{}}
}

// Quick returns a planner that ends the search for a better plan early: what it adds to planning is
// bounded by some hundred microseconds, or by what the first choice takes if that is longer. If the
// search was Incomplete, p may find a better plan.
func (p *Planner) Quick() *Planner {
	q := *p
	q.effort = quick
	return &q
}

// Plan plans an operation that is valid against the API schema. The labels are
// those of progressive overrides that are active for the request. A plan can
// be used for all requests with the same operation and labels.
//
// It returns an *UnreachableError for a selection that no subgraph can
// resolve, and a *LimitError for an operation that exceeds Options.
func (p *Planner) Plan(op *operation.Operation, labels ...string) (*plan.Plan, error) {
	made, _, err := p.plan(op, labels, nil, nil)
	return made, err
}

// PlanBy plans an operation like Plan, but merges fetches by what it costs, if the
// latencies of all subgraphs that the plan needs are known: requests are saved where no
// payload is complete more than 5 % later, or some milliseconds, than without any
// merging.
func (p *Planner) PlanBy(op *operation.Operation, l Latencies, labels ...string) (*plan.Plan, *Batching, error) {
	w := &weigher{latencies: l}
	made, _, err := p.plan(op, labels, nil, w)
	return made, &w.batching, err
}

// A Result is a plan with how it was found.
type Result struct {
	*plan.Plan
	// Batching says what latencies changed; nil if there are none.
	Batching *Batching
	// Search reports whether a better plan was searched for, and Cost what the search found.
	Search Search
	Cost   Cost
}

// Find plans an operation like Plan or, if there are latencies, like PlanBy.
func (p *Planner) Find(op *operation.Operation, l Latencies, labels ...string) (Result, error) {
	var w *weigher
	if l != nil {
		w = &weigher{latencies: l}
	}
	made, x, err := p.plan(op, labels, nil, w)
	r := Result{Plan: made, Search: x.Search, Cost: x.Chosen}
	if w != nil {
		r.Batching = &w.batching
	}
	return r, err
}

// plan plans an operation. It records the decisions if prices is not nil, and weighs
// latencies if w is not nil.
func (p *Planner) plan(op *operation.Operation, labels []string, prices map[*leaf][]int, weigher *weigher) (*plan.Plan, Explanation, error) {
	memory := scratches.get()
	defer scratches.put(memory)
	memory.output.kept = true
	return p.planIn(memory, op, labels, prices, weigher)
}

// planIn is plan in the memory of a scratch.
func (p *Planner) planIn(memory *scratch, op *operation.Operation, labels []string, prices map[*leaf][]int, weigher *weigher) (*plan.Plan, Explanation, error) {
	w := p.newWalker(memory, func(label string) bool { return slices.Contains(labels, label) }, p.options.MaxEdges)
	w.defers = defers(op.Selections)
	root := memory.slots.Of(slot{memory: memory})
	root.register(op.Selections, 0)
	placer := &placer{model: p.model, memory: memory, operationKind: op.Kind, defers: w.defers, chooser: newChooser(memory)}
	placer.chooser.prices = prices
	explanation := Explanation{Search: NotSearched}
	parts, err := p.placeOperation(w, placer, op, memory.positions.Of(position{slot: root}), &explanation)
	if err != nil {
		return nil, explanation, p.explain(w, err)
	}
	var deferred []*plan.DeferredPayload
	if w.defers {
		deferFetches(placer.fetches)
		deferred = deferredPayloads(nil, 0, nil, op.Selections)
	}
	fetches := weigher.schedule(placer.fetches, deferred, &explanation)
	if prices != nil {
		explanation.settleCost(fetches, w.defers)
	}
	out := memory.output.newPlan()
	out.Kind, out.RootType, out.Fetches = op.Kind, op.RootType, printFetches(fetches, op, &memory.output)
	out.Deferred, out.InterfaceObjects = deferred, p.model.InterfaceObjects
	projector := &projector{planner: p, memory: memory, plan: out}
	out.Projection = projector.fields(p.model.Root(op.Kind), root, []deferrable{{op.Selections, 0}})
	if prices != nil { // now storage keys are those of the plan
		explanation.decide(placer.chooser, parts)
	}
	return out, explanation, nil
}

func (p *Planner) newWalker(memory *scratch, labels func(string) bool, budget int) *walker {
	return &walker{model: p.model, requirements: p.requirements, memory: memory, labels: labels, budget: budget}
}

// placeOperation chooses paths to everything an operation selects, and places
// them. All selections of a query are considered together. The root fields of
// a mutation have effects, so they are fetched in order, each from one subgraph. Those
// that follow each other from the same subgraph are a part.
func (p *Planner) placeOperation(w *walker, to *placer, op *operation.Operation, at *position, explanation *Explanation) (parts []part, err error) {
	typ := p.model.Root(op.Kind)
	improver := improver{planner: p, chooser: to.chooser, typ: typ, root: at.slot, explanation: explanation, budget: p.effort.steps}
	defer func() { explanation.Edges = w.edges }()
	if op.Kind == operation.Query {
		leaves, err := w.walkRoot(w.memory.branches.Of(branch{position: at, typ: typ}), op.Selections)
		if err != nil {
			return nil, err
		}
		to.chooser.choose(w, leaves)
		parts = w.memory.parts.Make(1)
		parts[0] = improver.improve(w, op.Selections, leaves)
	} else {
		fields, err := w.walkRootFields(at.slot, typ, op.Selections)
		if err != nil {
			return nil, err
		}
		ofParts := improver // the query's is not on the heap
		parts = ofParts.divide(w, fields)
	}
	for _, part := range parts {
		to.placeAll(part.leaves)
	}
	return parts, nil
}
