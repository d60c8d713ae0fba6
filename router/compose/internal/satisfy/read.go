package satisfy

import (
	"slices"
	"strings"

	"souk/router/operation"
	"souk/router/supergraph"
)

// A reader finds out what can be read of objects: which positions a field leads
// to, and whether the selections of a key or of @requires can be read.
type reader struct {
	*space
	model      *supergraph.Model
	labelIndex map[string]int
	// matter collects undecided labels; see noted.
	matter []int

	jumpsOf  map[*supergraph.Type][]jump
	closures map[arrival]*closure
	// depth is how many closures are being computed, and lowest the outermost
	// of them that the innermost used, so that it is not final.
	depth, lowest int
	// requiring are the fields whose conditions are being read.
	requiring map[*supergraph.FieldIn]bool
	// circles counts how often conditions led back to themselves.
	circles    int
	conditions map[condition]known
	forAll     map[interfaceField]bool

	sources sources // of the values of context arguments
	// steps is how much more work may be done.
	steps int
}

func newReader(m *supergraph.Model, steps int) *reader {
	r := &reader{
		space: newSpace(m), model: m, labelIndex: map[string]int{},
		jumpsOf: map[*supergraph.Type][]jump{}, closures: map[arrival]*closure{},
		requiring: map[*supergraph.FieldIn]bool{}, conditions: map[condition]known{}, forAll: map[interfaceField]bool{},
		steps: steps,
	}
	for i, l := range m.Labels {
		r.labelIndex[l.Name] = i
	}
	r.sources = contextSources(m)
	return r
}

// field returns the positions that a field of the objects leads to; none if no
// subgraph resolves it.
func (r *reader) field(o objects, name string) *set {
	reached := make([]position, 0, len(o.known.positions))
	for _, p := range o.known.positions {
		if to, ok := r.direct(p, name, o.labels); ok {
			reached = append(reached, to)
		}
	}
	for of := range enteredAs(o.typ) {
		f := of.Field(name)
		if f == nil {
			continue
		}
		for _, in := range f.In {
			if (in.Requires != nil || in.Contexts != nil) && (of == o.typ || of.InSubgraph(in.Subgraph).InterfaceObject) && r.required(o, of, in) == satisfied {
				reached = append(reached, r.at(in.Subgraph, in.Named, provides(in)))
			}
		}
	}
	return r.set(reached)
}

// direct follows a field at one position, without conditions.
func (r *reader) direct(p position, name string, labels assignment) (position, bool) {
	r.steps--
	t, g := r.typ(p), r.subgraph(p)
	f := t.Field(name)
	if f == nil {
		return 0, false
	}
	in := f.InSubgraph(g)
	if in == nil {
		return 0, false
	}
	if t.Kind == supergraph.Interface && !t.InSubgraph(g).InterfaceObject {
		return r.at(g, in.Named, nil), r.directForAll(p, name, labels)
	}
	below, ok := r.resolvedAt(f, in, t, r.provided(p), labels)
	if !ok {
		return 0, false
	}
	return r.at(g, in.Named, below), true
}

// resolvedAt reports whether a subgraph resolves a field without conditions, given
// what is provided, and returns what it provides below.
func (r *reader) resolvedAt(f *supergraph.Field, in *supergraph.FieldIn, t *supergraph.Type, provided []operation.Selection, labels assignment) ([]operation.Selection, bool) {
	below := provides(in)
	if inner, found := t.Provided(provided, f.Name); found {
		return append(below[:len(below):len(below)], inner...), true
	}
	return below, in.Requires == nil && in.Contexts == nil && r.resolves(in, labels)
}

type interfaceField struct {
	at     position
	name   string
	labels assignment
}

// directForAll reports whether a subgraph resolves a field of an interface for
// each of the object types that it may return.
func (r *reader) directForAll(p position, name string, labels assignment) bool {
	key := interfaceField{p, name, labels}
	if ok, known := r.forAll[key]; known {
		return ok
	}
	ok := true
	g := r.subgraph(p)
	matter := r.noted(func() {
		for _, t := range r.typ(p).InSubgraph(g).Possible {
			r.steps--
			f := t.Field(name)
			if f == nil || f.InSubgraph(g) == nil {
				ok = false
				return
			}
			if _, ok = r.resolvedAt(f, f.InSubgraph(g), t, r.provided(p), labels); !ok {
				return
			}
		}
	})
	if len(matter) == 0 {
		r.forAll[key] = ok
	}
	return ok
}

// cast narrows the positions of objects to those of one object type; none if no
// position knows the type.
func (r *reader) cast(o objects, to *supergraph.Type) *set {
	var narrowed []position
	for _, p := range o.known.positions {
		t, g := r.typ(p), r.subgraph(p)
		r.steps--
		switch in := t.InSubgraph(g); {
		case t == to:
			narrowed = append(narrowed, p)
		case !t.Abstract() || !has(in.Possible, to):
		case !in.InterfaceObject:
			narrowed = append(narrowed, r.at(g, to, r.provided(p)))
		case r.typename(o):
			narrowed = append(narrowed, p)
		}
	}
	return r.set(narrowed)
}

// typename reports whether a position knows the type of the objects.
func (r *reader) typename(o objects) bool {
	return slices.ContainsFunc(o.known.positions, func(p position) bool { return !r.interfaceObject(p) })
}

// reads reports whether selections can be read from objects, to be sent to a
// subgraph.
func (r *reader) reads(o objects, selections []operation.Selection, to *supergraph.Subgraph) bool {
	return r.readsAll(o, selections, to, false)
}

// readsAll is reads for the objects that are sent or, if below is set, for those
// below one of their fields. Below, a fragment may be on a type that no subgraph
// returns there.
func (r *reader) readsAll(o objects, selections []operation.Selection, to *supergraph.Subgraph, below bool) bool {
	for _, sel := range selections {
		if r.steps < 0 {
			return false
		}
		ok := false
		switch sel := sel.(type) {
		case *operation.Field:
			ok = r.readsField(o, sel, to, below)
		case *operation.InlineFragment:
			ok = r.readsFragment(o, sel, to, below)
		}
		if !ok {
			return false
		}
	}
	return true
}

func (r *reader) readsField(o objects, f *operation.Field, to *supergraph.Subgraph, below bool) bool {
	if f.Name == "__typename" {
		return r.typename(o)
	}
	if def := o.typ.Field(f.Name); def != nil {
		if at := r.field(o, f.Name); len(at.positions) > 0 && r.readsBelow(o, def, at, f, to) {
			return true
		}
	}
	// No subgraph has the field for all objects of the interface: try each type.
	return o.typ.Kind == supergraph.Interface && r.readsByType(o, o.typ.Possible, []operation.Selection{f}, to, below) == someRead
}

func (r *reader) readsBelow(o objects, f *supergraph.Field, at *set, sel *operation.Field, to *supergraph.Subgraph) bool {
	if !f.Named.Composite() {
		return true
	}
	below := r.reach(f.Named, at, o.labels, r.contextsBelow(o, f.Named))
	if to != nil && namesType(f, to) && !r.typename(below) {
		return false
	}
	return r.readsAll(below, sel.Selections, to, true)
}

func (r *reader) readsFragment(o objects, f *operation.InlineFragment, to *supergraph.Subgraph, below bool) bool {
	condition := o.typ
	if f.TypeCondition != "" {
		condition = r.model.Type(f.TypeCondition)
	}
	if o.typ.Is(condition) {
		return r.readsAll(o, f.Selections, to, below)
	}
	switch r.readsByType(o, condition.Possible, f.Selections, to, below) {
	case someRead:
		return true
	case noneThere:
		return below
	}
	return false
}

// byType is the result of reading the objects of several types.
type byType uint8

const (
	notRead   byType = iota // the selections of a type cannot be read
	someRead                // those of all types that may be there can be read
	noneThere               // no subgraph returns any of the types
)

// readsByType reads selections from the objects of each of some types that may be
// among the objects.
func (r *reader) readsByType(o objects, types []*supergraph.Type, selections []operation.Selection, to *supergraph.Subgraph, below bool) byType {
	if o.typ.Abstract() && !r.typename(o) {
		return notRead
	}
	result := noneThere
	for _, t := range types {
		if !has(o.typ.Possible, t) {
			continue
		}
		at := r.cast(o, t)
		if len(at.positions) == 0 {
			continue
		}
		result = someRead
		if !r.readsAll(r.reach(t, at, o.labels, o.contexts), selections, to, below) {
			return notRead
		}
	}
	return result
}

// namesType reports whether a representation has to name the type of a field's
// value: the subgraph knows the field as an interface or a union.
func namesType(f *supergraph.Field, g *supergraph.Subgraph) bool {
	value := f.Named
	if in := f.InSubgraph(g); in != nil {
		value = in.Named
	}
	in := value.InSubgraph(g)
	return value.Abstract() && in != nil && !in.InterfaceObject
}

func provides(in *supergraph.FieldIn) []operation.Selection {
	if in.Provides == nil {
		return nil
	}
	return in.Provides.Selections
}

// has reports whether a type is among types sorted by name, as in the model.
func has(types []*supergraph.Type, t *supergraph.Type) bool {
	_, found := slices.BinarySearchFunc(types, t, func(a, b *supergraph.Type) int { return strings.Compare(a.Name, b.Name) })
	return found
}
