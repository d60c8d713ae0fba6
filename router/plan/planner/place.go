package planner

import (
	"slices"

	"souk/router/operation"
	"souk/router/plan"
	"souk/router/supergraph"
)

// A placement is where a chosen edge is carried out.
type placement struct {
	fetch     *fetch
	selection *selectionSet
	// known are the fetches that must have ended before what the edge arrives
	// at is known.
	known []*fetch
}

// A placer turns chosen edges into fetches with selections. Each key edge
// becomes a fetch of its own; the scheduler merges them.
type placer struct {
	model         *supergraph.Model
	memory        *scratch
	operationKind operation.Kind
	defers        bool // whether there are deferred payloads
	chooser       *chooser
	placed        []*placement // by edge.id
	fetches       []*fetch
	// joinable are the root fetches that a further root edge can be part of:
	// all of a query's, and for a mutation only that of the field before.
	joinable []*fetch
	// start is the fetch of the root fields of the part that is placed, of a mutation or
	// a subscription.
	start *fetch
}

// placeAll places the paths chosen for the leaves.
func (p *placer) placeAll(leaves []*leaf) {
	for _, l := range leaves {
		placed := p.place(p.chooser.chosen[l.id])
		if p.defers {
			for _, f := range placed.known {
				f.need(l.deferID)
			}
		}
	}
}

func (p *placer) place(e *edge) *placement {
	if missing := e.id + 1 - len(p.placed); missing > 0 {
		p.placed = p.memory.placed.Append(p.placed, p.memory.placed.Make(missing)...)
	}
	if placed := p.placed[e.id]; placed != nil {
		return placed
	}
	var placed *placement
	switch e.kind {
	case rootEdge:
		placed = p.placeRoot(e)
	case keyEdge:
		placed = p.placeJump(e)
	default:
		tail := p.place(e.tail)
		placed = p.memory.placements.Of(placement{fetch: tail.fetch, selection: tail.selection, known: p.conditions(e, tail.known)})
		switch {
		case e.kind == fieldEdge:
			placed.selection = tail.selection.field(e)
		case e.kind == typenameEdge:
			tail.selection.typename = true
		case e.typ != e.tail.typ:
			placed.selection = tail.selection.fragment(e.typ)
		}
	}
	p.placed[e.id] = placed
	return placed
}

// conditions places the conditions of an edge, and adds the fetches that they
// are known by to others.
func (p *placer) conditions(e *edge, known []*fetch) []*fetch {
	known = known[:len(known):len(known)]
	for _, c := range e.conditions {
		for _, f := range p.place(p.chooser.chosen[c.id]).known {
			if !slices.Contains(known, f) {
				known = p.memory.fetchLists.Append(known, f)
			}
		}
	}
	return known
}

// begin returns the placement of an edge that begins a path in a fetch.
func (p *placer) begin(f *fetch, s *selectionSet) *placement {
	return p.memory.placements.Of(placement{fetch: f, selection: s, known: p.memory.fetchLists.Append(nil, f)})
}

func (p *placer) placeRoot(e *edge) *placement {
	for _, f := range p.joinable {
		if f.subgraph == e.subgraph && f.position == e.position && f.deferID == e.deferID {
			return p.begin(f, f.selection)
		}
	}
	f := p.add(fetch{
		kind: plan.RootFetch, operationKind: p.operationKind, subgraph: e.subgraph, position: e.position,
		selection: p.memory.selections.Of(selectionSet{typ: e.typ}), dependsOn: p.conditions(e, nil), deferID: e.deferID, after: max(e.level-1, 0),
	})
	switch {
	case e.position.parent != nil:
		f.operationKind = operation.Query
	case p.operationKind == operation.Subscription:
		f.kind = plan.SubscriptionFetch
		p.start = f
	case p.operationKind == operation.Mutation:
		// Mutations run one after another (GraphQL, section 6.2.2), but do not
		// wait for deferred payloads of the ones before.
		f.dependsOn = slices.DeleteFunc(slices.Clone(p.fetches), func(before *fetch) bool { return before == f || before.deferID > 0 })
		p.joinable, p.start, f.from = nil, f, nil
	}
	p.joinable = p.memory.fetchLists.Append(p.joinable, f)
	return p.begin(f, f.selection)
}

func (p *placer) placeJump(e *edge) *placement {
	o := &p.memory.output
	dependsOn := p.conditions(e, nil)
	representation := plan.Representation{Typename: e.typ.Name}
	sent := e.key.Fields.Selections
	if e.onlyField != nil && e.onlyField.Requires != nil {
		sent = append(sent[:len(sent):len(sent)], e.onlyField.Requires.Selections...)
	}
	representation.Fields = p.represent(nil, e.subgraph, e.position.slot, e.typ, e.typ.Possible, e.typ.Possible, sent)
	selection := p.memory.selections.Of(selectionSet{typ: e.typ})
	entities := p.memory.entities.Of(entityFetch{
		key:              e.key,
		targets:          appendTo(o, &o.targets, nil, plan.Target{Path: e.position.path(o), Representations: appendTo(o, &o.representations, nil, representation)}),
		selections:       p.memory.typed.Append(nil, typedSelection{e.typ, selection}),
		contextArguments: p.contextArguments(e),
	})
	f := p.add(fetch{
		kind: plan.EntitiesFetch, operationKind: operation.Query, subgraph: e.subgraph, dependsOn: dependsOn, deferID: e.deferID, after: max(e.level-1, 0),
		entities: p.memory.entityLists.Append(nil, entities),
	})
	return p.begin(f, selection)
}

func (p *placer) add(value fetch) *fetch {
	f := p.memory.fetches.Of(value)
	f.order, f.from = len(p.fetches), p.start
	p.fetches = p.memory.fetchLists.Append(p.fetches, f)
	return f
}

// represent adds the fields of a key or a requirement to a representation for
// the subgraph g. The selections are on the type t, for objects of the types
// on; possible are all types such an object may have there.
func (p *placer) represent(to []plan.RepresentationField, g *supergraph.Subgraph, at *slot, t *supergraph.Type, possible, on []*supergraph.Type, selections []operation.Selection) []plan.RepresentationField {
	for _, sel := range selections {
		switch sel := sel.(type) {
		case *operation.Field:
			f := plan.RepresentationField{Name: sel.Name}
			if len(on) < len(possible) {
				f.On = typeNames(on)
			}
			if sel.Name == "__typename" {
				f.StorageKey = "__typename"
				to = p.addField(to, f)
				continue
			}
			child := at.child(sel)
			f.StorageKey = child.storageKey()
			def := t.Field(sel.Name)
			if len(sel.Selections) == 0 {
				f.Kind = kindOf(def.Named)
			} else {
				f.Type = def.Type
				if needsTypename(def, g) {
					f.Fields = []plan.RepresentationField{{Name: "__typename", StorageKey: "__typename"}}
				}
				f.Fields = p.represent(f.Fields, g, child, def.Named, def.Named.Possible, def.Named.Possible, sel.Selections)
			}
			to = p.addField(to, f)
		case *operation.InlineFragment:
			condition := p.model.Type(sel.TypeCondition)
			to = p.represent(to, g, at, condition, possible, intersect(on, condition.Possible), sel.Selections)
		}
	}
	return to
}

// addField adds a field to a representation, or what is below it to the same
// field if that is there already.
func (p *placer) addField(to []plan.RepresentationField, f plan.RepresentationField) []plan.RepresentationField {
	for i, have := range to {
		if have.Name != f.Name || have.StorageKey != f.StorageKey || have.On != nil && !slices.Equal(have.On, f.On) {
			continue
		}
		for _, below := range f.Fields {
			to[i].Fields = p.addField(to[i].Fields, below)
		}
		return to
	}
	return appendTo(&p.memory.output, &p.memory.output.representationFields, to, f)
}
