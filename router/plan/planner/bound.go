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
// best. What it counts is in needs.go.
func (w *walker) lowerBound(root *supergraph.Type, selections []operation.Selection) Cost {
	at := objects{typ: root, sure: root.Possible}
	all := w.newBounder()
	all.visit(at, selections)
	if !w.defers {
		return all.bound()
	}
	initial := w.newBounder()
	initial.initial = true
	initial.visit(at, selections)
	return all.bound().withInitial(initial.bound())
}

type bounder struct {
	*walker
	// initial is set to visit the selections of the initial payload only.
	initial bool
	needs   needs
	// levels are those after which all is known.
	levels int
	// ofTypes counts fields of interfaces, for each of their types, and sets selection sets.
	ofTypes, sets int
	entered       []entered
}

// maxOfTypes is how many fields of interfaces are looked at type by type, and maxNested how deep
// requirements of required fields are.
const (
	maxOfTypes = 200
	maxNested  = 3
)

func (w *walker) newBounder() bounder {
	return bounder{walker: w, needs: needs{of: w.memory.needs.Make(len(w.model.Subgraphs))}}
}

// from returns a bounder for root fields that one request to a subgraph fetches, and the object
// that has them.
func (w *walker) from(start *supergraph.Subgraph, typ *supergraph.Type) (bounder, objects) {
	b := w.newBounder()
	b.needs.enter(start, firstRequest)
	b.levels = 1
	return b, objects{typ: typ, sure: typ.Possible, level: 1, in: w.memory.subgraphs.Append(nil, start), request: start}
}

// bound returns what is needed for all that has been visited. Each level has a request.
func (b *bounder) bound() Cost {
	return Cost{Requests: max(b.needs.total(), b.levels), Levels: b.levels}
}

// objects are those of a selection set.
type objects struct {
	typ *supergraph.Type
	// sure are the object types whose fields are certainly fetched.
	sure []*supergraph.Type
	// level is the one after which they are known at the earliest, 0 for the root, and in are
	// the subgraphs that may resolve them then. all are those whose fields may return them, then or later.
	level   int
	in, all []*supergraph.Subgraph
	// request is the subgraph of the last request on the path to them, if all since then may be from
	// this request; otherwise nil.
	request *supergraph.Subgraph
	// provided are fields that a subgraph may provide which it does not resolve otherwise, and providedBelow those
	// that it may provide below each field.
	provided, providedBelow []operation.Selection
	// told is set if only their types are known after the level: a request before may have their fields.
	told bool
	// requiredBy is the subgraph of a request that waits for what is selected, or nil, and nested
	// the number of requirements that the selections are in.
	requiredBy *supergraph.Subgraph
	nested     int
	// without is a subgraph that has not resolved the objects yet.
	without *supergraph.Subgraph
	// set is the number of the selection set.
	set int
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
				inner = b.narrow(at, b.model.Type(sel.TypeCondition))
			}
			b.visit(inner, sel.Selections)
		case *operation.Field:
			if f := at.typ.Field(sel.Name); f != nil && sel.Denied == nil {
				b.fieldOfTypes(at, f, sel)
			}
		}
	}
}

// fieldOfTypes adds what a field needs for objects whose fields are fetched for sure: of all their types,
// or of one type once maxOfTypes have been looked at.
func (b *bounder) fieldOfTypes(at objects, f *supergraph.Field, sel *operation.Field) {
	if at.typ.Kind == supergraph.Object {
		if has(at.sure, at.typ) {
			b.field(at, f, sel)
		}
		return
	}
	for _, in := range f.In {
		if in.Provides != nil {
			at.providedBelow = append(at.providedBelow[:len(at.providedBelow):len(at.providedBelow)], in.Provides.Selections...)
		}
	}
	for i, o := range at.sure {
		if i > 0 && b.ofTypes >= maxOfTypes {
			break
		}
		if f := o.Field(sel.Name); f != nil {
			b.ofTypes++
			at.typ = o
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

// field adds what a field of an object type needs, and what is selected below it.
func (b *bounder) field(at objects, f *supergraph.Field, sel *operation.Field) {
	below, by := b.resolve(at, f)
	if len(by.all) == 0 {
		return
	}
	if below.in, below.all = by.known, by.all; by.known == nil {
		below.told = false
		below.level, below.in = b.enter(at, by.all), by.all
		if len(by.all) == 1 && by.requires != nil && !by.provided && at.nested < maxNested {
			below.level = max(below.level, b.required(at, by.requires, by.all[0])+1)
		}
	}
	b.levels = max(b.levels, below.level)
	if at.request != nil && slices.Contains(by.known, at.request) {
		below.request = at.request
	}
	o := laterRequest
	switch {
	case at.level == 0:
		o = firstRequest
	case below.level == 1, below.told:
		o = anyRequest
	}
	switch {
	case len(by.all) > 1:
		b.needs.anyOf = b.memory.anyOf.Append(b.needs.anyOf, anyOf{by.all, o})
	case below.request == nil:
		below.request = by.all[0]
		b.needs.enter(below.request, o)
		defer b.needs.leave(below.request, o)
	}
	if at.requiredBy != nil {
		b.needs.enter(at.requiredBy, laterRequest)
		b.needs.leave(at.requiredBy, laterRequest)
	}
	b.sets++
	below.set = b.sets
	b.visit(below, sel.Selections)
}

// resolvers are the subgraphs that resolve a field of objects. The known ones may do it in the request that
// resolves the objects.
type resolvers struct {
	all, known []*supergraph.Subgraph
	requires   *supergraph.FieldSet // of one of them
	provided   bool                 // whether one may provide the field
}

// resolve returns the subgraphs that resolve a field, and the objects that it returns. Of an
// abstract type, only objects that every such subgraph can return
// are fetched for sure: the others are left out if one is asked that lacks them.
func (b *bounder) resolve(at objects, f *supergraph.Field) (below objects, by resolvers) {
	below = at
	below.typ, below.sure, below.request, below.without = f.Named, f.Named.Possible, nil, nil
	below.provided, by.provided = at.typ.Provided(at.provided, f.Name)
	provide := func(more []operation.Selection) {
		below.provided = append(below.provided[:len(below.provided):len(below.provided)], more...)
	}
	provide(at.providedBelow)
	below.providedBelow = nil
	if payload := eventPayload(f); payload != nil {
		provide(payload.Selections)
	}
	add := func(in *supergraph.FieldIn) {
		if in.Provides != nil {
			provide(in.Provides.Selections)
		}
		// A field that a subgraph does not resolve itself may be provided.
		if in.Subgraph == at.without || !in.Resolves(b.labels) && !by.provided {
			return
		}
		by.all, by.requires = b.memory.subgraphs.Append(by.all, in.Subgraph), in.Requires
		if known := in.Named.InSubgraph(in.Subgraph); f.Named.Abstract() && known != nil && len(known.Possible) < len(f.Named.Possible) {
			below.sure = intersect(below.sure, known.Possible)
		}
		if (in.Requires == nil && in.Contexts == nil || by.provided) && slices.Contains(at.in, in.Subgraph) {
			by.known = b.memory.subgraphs.Append(by.known, in.Subgraph)
		}
	}
	for _, in := range f.In {
		add(in)
	}
	if len(b.model.InterfaceObjects) > 0 {
		for in := range viaInterfaceObjects(at.typ, f.Name) {
			add(in)
		}
	}
	return below, by
}

// required adds the fields of objects that a request to a subgraph waits for, and returns the level after
// which they are known.
func (b *bounder) required(at objects, fields *supergraph.FieldSet, by *supergraph.Subgraph) int {
	levels := b.levels
	b.levels = 0
	at.requiredBy, at.nested = by, at.nested+1
	b.visit(at, fields.Selections)
	level := b.levels
	b.levels = max(levels, level)
	return level
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
