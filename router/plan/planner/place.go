package planner

import (
	"slices"

	"souk/router/operation"
	"souk/router/plan"
	"souk/router/supergraph"
)

// A step is a request in the making.
type step struct {
	kind  plan.StepKind
	op    operation.Kind
	graph *supergraph.Graph
	// at is where a fetch's data belongs; fetches are those of an entity step.
	at      *spot
	sel     *selection
	fetches []*fetch
	after   []*step
	// part is the part of the answer it is made for.
	part int
	// level is the number of steps that have to be made before, one after the
	// other.
	level int
	// order counts steps as they are made.
	order int
	// rest is the step whose lacking objects this one is for, or nil.
	rest *step
}

// A fetch is an _entities field in the making.
type fetch struct {
	// key is the key that its representations carry.
	key     *supergraph.Key
	targets []plan.Target
	parts   []part
	// arguments are those of the selection that have values from above.
	arguments []*contextArgument
	// needs are the steps that its representations are made of.
	needs []*step
	// alone are the fetches that were joined to this one although they need
	// other steps, as they were before.
	alone []*fetch
}

// A part is what is selected on entities of one type.
type part struct {
	on  *supergraph.Type
	sel *selection
}

// A selection is a selection set in the making, on objects of a type as the
// step's subgraph knows it.
type selection struct {
	typ       *supergraph.Type
	fields    []*selected
	fragments []part
	typename  bool
}

// A selected field is one of a selection.
type selected struct {
	slot  *slot
	field *operation.Field
	in    *supergraph.FieldIn
	sel   *selection // nil for a leaf
}

func (s *selection) field(m *move) *selection {
	for _, f := range s.fields {
		if f.slot == m.at.slot {
			return f.sel
		}
	}
	f := &selected{slot: m.at.slot, field: m.field, in: m.in}
	if m.typ.Composite() {
		f.sel = &selection{typ: m.typ}
	}
	s.fields = append(s.fields, f)
	return f.sel
}

func (s *selection) fragment(on *supergraph.Type) *selection {
	for _, f := range s.fragments {
		if f.on == on {
			return f.sel
		}
	}
	f := part{on, &selection{typ: on}}
	s.fragments = append(s.fragments, f)
	return f.sel
}

// A placement is where a taken move is carried out.
type placement struct {
	step *step
	sel  *selection
	// ready are the steps after which what the move stands on is known.
	ready []*step
}

// A placer turns the moves taken into steps.
type placer struct {
	model *supergraph.Model
	op    operation.Kind
	steps []*step
	// phase are the root steps that a move from the root may join: all of a
	// query's, and for a mutation only that of the field before.
	phase []*step
}

func (p *placer) place(m *move) *placement {
	if m.placed != nil {
		return m.placed
	}
	switch m.kind {
	case root:
		m.placed = p.placeRoot(m)
	case enter:
		m.placed = p.placeEnter(m)
	default:
		from := p.place(m.from)
		to := &placement{step: from.step, sel: from.sel, ready: p.needs(m, from.ready)}
		switch {
		case m.kind == field:
			to.sel = from.sel.field(m)
		case m.kind == typename:
			from.sel.typename = true
		case m.typ != m.from.typ:
			to.sel = from.sel.fragment(m.typ)
		}
		m.placed = to
	}
	return m.placed
}

// needs places what a move needs, and adds the steps that do to others.
func (p *placer) needs(m *move, after []*step) []*step {
	after = slices.Clone(after)
	for _, n := range m.needs {
		for _, s := range p.place(n.chosen).ready {
			if !slices.Contains(after, s) {
				after = append(after, s)
			}
		}
	}
	return after
}

func (p *placer) placeRoot(m *move) *placement {
	for _, s := range p.phase {
		if s.graph == m.graph && s.at == m.at && s.part == m.part {
			return &placement{step: s, sel: s.sel, ready: []*step{s}}
		}
	}
	s := p.add(&step{kind: plan.Fetch, op: p.op, graph: m.graph, at: m.at, sel: &selection{typ: m.typ}, after: p.needs(m, nil), part: m.part})
	switch {
	case m.at.parent != nil:
		s.op = operation.Query
	case p.op == operation.Subscription:
		s.kind = plan.Subscribe
	case p.op == operation.Mutation:
		// Later parts of the answer are not waited for.
		s.after = slices.DeleteFunc(slices.Clone(p.steps), func(a *step) bool { return a == s || a.part > 0 })
		p.phase = nil
	}
	p.phase = append(p.phase, s)
	return &placement{step: s, sel: s.sel, ready: []*step{s}}
}

func (p *placer) placeEnter(m *move) *placement {
	s := &step{kind: plan.Entities, op: operation.Query, graph: m.graph, after: p.needs(m, nil), part: m.part}
	representation := plan.Representation{Typename: m.typ.Name}
	sent := m.key.Fields.Selections
	if m.only != nil && m.only.Requires != nil {
		sent = append(sent[:len(sent):len(sent)], m.only.Requires.Selections...)
	}
	representation.Fields = p.represent(nil, m.graph, m.at.slot, m.typ, m.typ.Possible, m.typ.Possible, sent)
	sel := &selection{typ: m.typ}
	s.fetches = []*fetch{{
		key:     m.key,
		targets: []plan.Target{{Path: m.at.path(), Representations: []plan.Representation{representation}}},
		parts:   []part{{m.typ, sel}},

		arguments: p.contextArguments(m),
	}}
	p.add(s)
	return &placement{step: s, sel: sel, ready: []*step{s}}
}

func (p *placer) add(s *step) *step {
	s.order = len(p.steps)
	p.steps = append(p.steps, s)
	return s
}

// represent adds the fields of a key or requirement of a subgraph to a
// representation.
// Selections are on the type t, for objects of the types on; those that are
// possible there at all are in possible.
func (p *placer) represent(to []plan.RepresentationField, g *supergraph.Graph, at *slot, t *supergraph.Type, possible, on []*supergraph.Type, selections []operation.Selection) []plan.RepresentationField {
	for _, sel := range selections {
		switch sel := sel.(type) {
		case *operation.Field:
			c := at.child(sel)
			f := plan.RepresentationField{Name: sel.Name, Key: c.storageKey()}
			if len(on) < len(possible) {
				f.On = typeNames(on)
			}
			if len(sel.Selections) > 0 {
				def := t.Field(sel.Name)
				if tellsTypes(def, g) {
					f.Fields = []plan.RepresentationField{{Name: "__typename", Key: "__typename"}}
				}
				f.Fields = p.represent(f.Fields, g, c, def.Named, def.Named.Possible, def.Named.Possible, sel.Selections)
			}
			to = addField(to, f)
		case *operation.InlineFragment:
			condition := p.model.Type(sel.TypeCondition)
			to = p.represent(to, g, at, condition, possible, shared(on, condition.Possible), sel.Selections)
		}
	}
	return to
}

// addField adds a field to a representation, merging it with one that is
// there already.
func addField(to []plan.RepresentationField, f plan.RepresentationField) []plan.RepresentationField {
	for i, have := range to {
		if have.Name != f.Name || have.Key != f.Key || have.On != nil && !slices.Equal(have.On, f.On) {
			continue
		}
		for _, below := range f.Fields {
			to[i].Fields = addField(to[i].Fields, below)
		}
		return to
	}
	return append(to, f)
}

// placeAll places the ways chosen to goals.
func (p *placer) placeAll(goals []*goal) {
	for _, g := range goals {
		p.place(g.chosen)
	}
}
