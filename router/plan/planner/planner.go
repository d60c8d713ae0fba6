package planner

import (
	"slices"
	"strings"

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
	types   responseTypes
}

// New returns a planner for a supergraph.
func New(m *supergraph.Model, o Options) *Planner {
	if o.MaxEdges == 0 {
		o.MaxEdges = 200_000
	}
	return &Planner{model: m, options: o}
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

// plan plans an operation. It records the decisions if prices is not nil, and weighs
// latencies if w is not nil.
func (p *Planner) plan(op *operation.Operation, labels []string, prices map[*leaf][]int, weigher *weigher) (*plan.Plan, Explanation, error) {
	memory := scratches.get()
	defer scratches.put(memory)
	w := p.newWalker(memory, func(label string) bool { return slices.Contains(labels, label) }, p.options.MaxEdges)
	root := memory.slots.Of(slot{memory: memory})
	root.register(op.Selections, 0)
	placer := &placer{model: p.model, memory: memory, operationKind: op.Kind, chooser: newChooser(memory)}
	placer.chooser.prices = prices
	explanation := Explanation{Search: NotSearched}
	if err := p.placeOperation(w, placer, op, memory.positions.Of(position{slot: root}), &explanation); err != nil {
		return nil, explanation, p.explain(w, err)
	}
	var deferred []*plan.DeferredPayload
	if defers(op.Selections) {
		deferEntityFetches(placer.fetches)
		deferRootFetches(placer.fetches)
		deferred = deferredPayloads(nil, 0, nil, op.Selections)
	}
	fetches := weigher.schedule(placer.fetches, deferred, &explanation)
	out := &plan.Plan{
		Kind: op.Kind, RootType: op.RootType,
		Fetches:       printFetches(fetches, op),
		Deferred:      deferred,
		PossibleTypes: map[string][]string{}, EnumValues: map[string][]string{},
		InterfaceObjects: p.model.InterfaceObjects,
	}
	projector := &projector{planner: p, memory: memory, plan: out}
	out.Projection = projector.fields(p.model.Root(op.Kind), root, []deferrable{{op.Selections, 0}})
	return out, explanation, nil
}

func (p *Planner) newWalker(memory *scratch, labels func(string) bool, budget int) *walker {
	return &walker{model: p.model, memory: memory, labels: labels, budget: budget}
}

// placeOperation chooses paths to everything an operation selects, and places
// them. All selections of a query are considered together. The root fields of
// other operations have effects, so each is fetched on its own, in order, from
// one subgraph; those that follow each other from the same subgraph are a part.
func (p *Planner) placeOperation(w *walker, to *placer, op *operation.Operation, at *position, explanation *Explanation) error {
	typ := p.model.Root(op.Kind)
	improver := &improver{planner: p, chooser: to.chooser, typ: typ, root: at.slot, explanation: explanation, budget: searchBudget}
	place := func(part part) {
		chosen := improver.improve(w, part)
		if to.chooser.prices != nil {
			searched := NotSearched
			if len(chosen) > 0 && chosen[0] != part.leaves[0] {
				searched = explanation.Search
			}
			explanation.Decisions = append(explanation.Decisions, to.chooser.decisions(chosen, searched)...)
		}
		to.placeAll(chosen)
	}
	defer func() { explanation.Edges = w.edges }()
	if op.Kind == operation.Query {
		leaves, err := w.walk(w.memory.branches.Of(branch{position: at, typ: typ}), op.Selections)
		if err != nil {
			return err
		}
		to.chooser.choose(w, leaves)
		place(part{selections: op.Selections, leaves: leaves})
		return nil
	}
	var next part
	for _, f := range rootFields(op.Selections) {
		start, leaves, err := w.walkRootField(at, typ, f)
		if err != nil {
			return err
		}
		if len(leaves) == 0 {
			continue
		}
		if next.leaves != nil && next.start != start {
			place(next)
			next = part{}
		}
		to.chooser.choose(w, leaves)
		next.start = start
		next.selections = append(next.selections, f)
		next.leaves = append(next.leaves, leaves...)
	}
	if next.leaves != nil {
		place(next)
	}
	return nil
}

// rootFields are the root fields of an operation, fragments spread out.
func rootFields(selections []operation.Selection) []*operation.Field {
	var fields []*operation.Field
	for _, sel := range selections {
		switch sel := sel.(type) {
		case *operation.Field:
			fields = append(fields, sel)
		case *operation.InlineFragment:
			fields = append(fields, rootFields(sel.Selections)...)
		}
	}
	return fields
}

// walkRootField finds the leaves of a root field that is fetched from a single
// subgraph: of those that have the field, the one with the cheapest paths.
func (w *walker) walkRootField(at *position, typ *supergraph.Type, f *operation.Field) (from *supergraph.Subgraph, best []*leaf, err error) {
	lowest := -1
	for _, in := range typ.In {
		if fi := typ.Field(f.Name); fi == nil || fi.InSubgraph(in.Subgraph) == nil {
			continue
		}
		start := w.newEdge(edge{kind: rootEdge, subgraph: in.Subgraph, typ: typ, position: at})
		leaves, failed := w.walk(&branch{position: at, typ: typ, paths: []*edge{start}, entitiesExplored: true}, []operation.Selection{f})
		if failed != nil {
			err = failed
			continue
		}
		cost := 0
		for _, l := range leaves {
			cost += l.candidates[0].cost
		}
		if lowest < 0 || cost < lowest {
			from, best, lowest = in.Subgraph, leaves, cost
		}
	}
	if lowest < 0 && err == nil && f.Denied == nil && !strings.HasPrefix(f.Name, "__") {
		err = &unreachable{&branch{position: at, typ: typ, entitiesExplored: true}, f}
	}
	if lowest >= 0 {
		err = nil
	}
	return from, best, err
}
