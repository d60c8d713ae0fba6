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
	// MaxMoves is how many moves between types of subgraphs may be looked at
	// for one operation; 0 stands for 200,000, for which it takes less than a
	// second to give up.
	MaxMoves int
}

// A Planner plans operations on one supergraph. It is safe for use by many
// goroutines.
type Planner struct {
	model            *supergraph.Model
	options          Options
	interfaceObjects []string
}

// New gives a planner for a supergraph.
func New(m *supergraph.Model, o Options) *Planner {
	if o.MaxMoves == 0 {
		o.MaxMoves = 200_000
	}
	p := &Planner{model: m, options: o}
	for _, t := range m.Types() {
		if slices.ContainsFunc(t.In, func(in *supergraph.TypeIn) bool { return in.InterfaceObject }) {
			p.interfaceObjects = append(p.interfaceObjects, t.Name)
		}
	}
	return p
}

// Plan plans an operation that is valid against the API schema. The labels
// are those of the progressive overrides that are on for the request; a plan
// is good for all requests with the same operation and labels.
//
// Errors are *UnreachableError for a selection that no subgraph can be
// brought to resolve, and *LimitError for too much work.
func (p *Planner) Plan(op *operation.Operation, labels ...string) (*plan.Plan, error) {
	w := &walker{
		model:    p.model,
		labels:   func(label string) bool { return slices.Contains(labels, label) },
		left:     p.options.MaxMoves,
		entering: map[entrance]bool{},
		forAll:   map[interfaceField]bool{},
	}
	top := &slot{}
	top.register(op.Selections, 0)
	placer := &placer{model: p.model, op: op.Kind}
	if err := p.find(w, placer, op, &spot{slot: top}); err != nil {
		return nil, p.explain(w, err)
	}
	out := &plan.Plan{
		Kind: op.Kind, RootType: op.RootType,
		PossibleTypes: map[string][]string{}, EnumValues: map[string][]string{},
		InterfaceObjects: p.interfaceObjects,
	}
	postpone(placer.steps)
	steps := schedule(placer.steps)
	for i, s := range steps {
		made := requestOf(s, op)
		made.ID = i
		for _, a := range s.after {
			made.After = append(made.After, slices.Index(steps, a))
		}
		slices.Sort(made.After)
		if s.rest != nil {
			of := slices.Index(steps, s.rest)
			made.Rest = &of
		}
		out.Steps = append(out.Steps, made)
	}
	projector := &projector{model: p.model, plan: out}
	out.Projection = projector.fields(p.model.Root(op.Kind), top, []partial{{op.Selections, 0}})
	out.Deferred = deferred(nil, 0, nil, op.Selections)
	return out, nil
}

// find chooses the ways to everything an operation selects, and places them.
// A query's selections are reached together; those of other operations one
// after another, each by one subgraph, for their fields have effects.
func (p *Planner) find(w *walker, to *placer, op *operation.Operation, at *spot) error {
	c := &chooser{round: 1}
	typ := p.model.Root(op.Kind)
	if op.Kind == operation.Query {
		goals, err := w.walk(&stand{at: at, typ: typ}, op.Selections)
		if err != nil {
			return err
		}
		c.choose(goals)
		to.placeAll(goals)
		return nil
	}
	for _, sel := range flat(op.Selections) {
		goals, err := w.walkOne(at, typ, sel)
		if err != nil {
			return err
		}
		c.choose(goals)
		to.placeAll(goals)
	}
	return nil
}

// flat takes root fields out of the fragments they stand in.
func flat(selections []operation.Selection) []*operation.Field {
	var fields []*operation.Field
	for _, sel := range selections {
		switch sel := sel.(type) {
		case *operation.Field:
			fields = append(fields, sel)
		case *operation.InlineFragment:
			fields = append(fields, flat(sel.Selections)...)
		}
	}
	return fields
}

// walkOne finds the ways to a root field and what is below it that begin in
// one subgraph, of those that can the cheapest.
func (w *walker) walkOne(at *spot, typ *supergraph.Type, f *operation.Field) (best []*goal, err error) {
	least := -1
	for _, in := range typ.In {
		if fi := typ.Field(f.Name); fi == nil || fi.InGraph(in.Graph) == nil {
			continue
		}
		start := w.add(&move{kind: root, graph: in.Graph, typ: typ, at: at})
		goals, failed := w.walk(&stand{at: at, typ: typ, moves: []*move{start}, open: true}, []operation.Selection{f})
		if failed != nil {
			err = failed
			continue
		}
		cost := 0
		for _, g := range goals {
			cost += g.ways[0].cost
		}
		if least < 0 || cost < least {
			best, least = goals, cost
		}
	}
	if least < 0 && err == nil && f.Denied == nil && !strings.HasPrefix(f.Name, "__") {
		err = &unreachable{&stand{at: at, typ: typ, open: true}, f}
	}
	if least >= 0 {
		err = nil
	}
	return best, err
}
