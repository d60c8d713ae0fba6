package planner

import (
	"iter"
	"slices"

	"souk/router/operation"
	"souk/router/supergraph"
)

// lowerBound returns requests and levels that no plan for some selections can do
// with less. It only looks at which subgraphs resolve which field, so it costs
// little, and for most operations it already proves that the greedy choice is
// best.
func (w *walker) lowerBound(root *supergraph.Type, selections []operation.Selection) Cost {
	all := bounder{walker: w}
	all.visit(objects{typ: root, sure: root.Possible}, selections)
	if !w.defers {
		return all.bound()
	}
	initial := bounder{walker: w, initial: true}
	initial.visit(objects{typ: root, sure: root.Possible}, selections)
	return all.bound().withInitial(initial.bound())
}

type bounder struct {
	*walker
	// initial is set to visit the selections of the initial payload only.
	initial bool
	// start is the subgraph that root fields are fetched from; nil if there may be several.
	start []*supergraph.Subgraph
	// used are the subgraphs of the requests that are counted.
	used     []*supergraph.Subgraph
	anyOf    [][]*supergraph.Subgraph // those of which a field needs one
	requests int
	// later is set if something is known only after the first level.
	later bool
}

// from returns a bounder for root fields that one request to a subgraph fetches.
func (w *walker) from(start *supergraph.Subgraph) bounder {
	only := w.memory.subgraphs.Append(nil, start)
	return bounder{walker: w, start: only, used: only[:1:1], requests: 1}
}

// bound returns what is needed for all that has been visited.
func (b *bounder) bound() Cost {
	// Fields that one subgraph resolves need a request to it. Of the others,
	// those whose subgraphs are disjoint need a request each.
	requests, used := b.requests, b.used[:len(b.used):len(b.used)]
	for _, any := range b.anyOf {
		if !slices.ContainsFunc(any, func(g *supergraph.Subgraph) bool { return slices.Contains(used, g) }) {
			requests++
			used = b.memory.subgraphs.Append(used, any...)
		}
	}
	if requests == 0 {
		return Cost{}
	}
	c := Cost{Requests: requests, Levels: 1}
	if b.later {
		c.Levels = 2
	}
	return c
}

// objects are those of a selection set.
type objects struct {
	typ *supergraph.Type
	// sure are the object types whose fields are certainly fetched.
	sure []*supergraph.Type
	// level1 are the subgraphs that may resolve the objects in the first request; nil
	// means all subgraphs.
	level1 []*supergraph.Subgraph
	// provided is set if a subgraph may provide fields that it does not resolve otherwise.
	provided bool
}

// visit adds what a selection set needs for sure.
func (b *bounder) visit(at objects, selections []operation.Selection) {
	for _, sel := range selections {
		switch sel := sel.(type) {
		case *operation.InlineFragment:
			if b.initial && sel.Defer != nil {
				continue
			}
			inner := at
			if sel.TypeCondition != "" {
				inner.typ = b.model.Type(sel.TypeCondition)
				inner.sure = narrow(at.sure, inner.typ)
			}
			b.visit(inner, sel.Selections)
		case *operation.Field:
			f := at.typ.Field(sel.Name)
			if f == nil || sel.Denied != nil || at.typ.Kind != supergraph.Object || !has(at.sure, at.typ) {
				continue
			}
			b.field(at, f, sel)
		}
	}
}

// narrow returns those of some object types that are of the type t.
func narrow(types []*supergraph.Type, t *supergraph.Type) []*supergraph.Type {
	switch {
	case t.Abstract():
		return intersect(types, t.Possible)
	case has(types, t):
		return t.Possible
	}
	return nil
}

// field adds what a field of an object type needs, and what is selected below it. Of an
// abstract type, only objects that every subgraph that resolves the field can return
// are fetched for sure: the others are left out if one is asked that lacks them.
func (b *bounder) field(at objects, f *supergraph.Field, sel *operation.Field) {
	var resolving []*supergraph.Subgraph
	below := objects{typ: f.Named, sure: f.Named.Possible, provided: at.provided || eventPayload(f) != nil}
	add := func(in *supergraph.FieldIn) {
		below.provided = below.provided || in.Provides != nil
		// An external field may be provided, and so may one that another subgraph overrides.
		if !in.Resolves(b.labels) && !in.External && !at.provided {
			return
		}
		resolving = b.memory.subgraphs.Append(resolving, in.Subgraph)
		if known := in.Named.InSubgraph(in.Subgraph); f.Named.Abstract() && known != nil && len(known.Possible) < len(f.Named.Possible) {
			below.sure = intersect(below.sure, known.Possible)
		}
		if in.Requires == nil && in.Contexts == nil && (at.level1 == nil || slices.Contains(at.level1, in.Subgraph)) {
			below.level1 = b.memory.subgraphs.Append(below.level1, in.Subgraph)
		}
	}
	for _, in := range f.In {
		add(in)
	}
	if len(resolving) == 0 {
		return // an @interfaceObject resolves it
	}
	if len(b.model.InterfaceObjects) > 0 {
		for in := range viaInterfaceObjects(at.typ, sel.Name) {
			add(in)
		}
	}
	if len(resolving) > 1 {
		b.anyOf = b.memory.subgraphLists.Append(b.anyOf, resolving)
	} else if !slices.Contains(b.used, resolving[0]) {
		b.requests++
		b.used = b.memory.subgraphs.Append(b.used, resolving[0])
	}
	if below.level1 == nil {
		b.later = true
		below.level1 = []*supergraph.Subgraph{}
	}
	b.visit(below, sel.Selections)
}

// viaInterfaceObjects yields a field of an object type as subgraphs declare it that
// know the type only by an @interfaceObject.
func viaInterfaceObjects(t *supergraph.Type, name string) iter.Seq[*supergraph.FieldIn] {
	return func(yield func(*supergraph.FieldIn) bool) {
		for _, i := range t.Interfaces {
			f := i.Field(name)
			if f == nil {
				continue
			}
			for _, in := range f.In {
				if i.InSubgraph(in.Subgraph).InterfaceObject && !yield(in) {
					return
				}
			}
		}
	}
}
