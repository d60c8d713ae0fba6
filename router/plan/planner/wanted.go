package planner

import (
	"slices"

	"souk/router/supergraph"
)

// Most subgraphs that have a type have nothing of it that an operation needs. A walk makes a jump only into those
// that have a field which is wanted of the objects.

// wanted are the fields for which entity jumps from a branch can be of use. all is set if that is not known.
type wanted struct {
	names []string
	all   bool
}

// wantedBy returns the fields that are selected of the objects of a branch, or may be part of a key or a
// requirement, but for leaves that all paths of the branch lead to: they are known at the latest with the objects.
func (w *walker) wantedBy(b *branch) wanted {
	if b.typ.Kind != supergraph.Object || w.defers || slices.ContainsFunc(b.paths, (*edge).viaInterfaceObject) {
		return wanted{all: true}
	}
	var out wanted
	add := func(name string) {
		f := b.typ.Field(name)
		if f == nil || slices.Contains(out.names, name) {
			return
		}
		if f.Named.Composite() || slices.ContainsFunc(b.paths, func(e *edge) bool { return !w.leadsTo(e, name) }) {
			out.names = w.memory.names.Append(out.names, name)
		}
	}
	for _, c := range b.position.slot.children {
		add(c.field)
	}
	for _, name := range w.requirements.conditionsOf(w.model, b.typ) {
		add(name)
	}
	return out
}

// leadsTo reports whether a path to an object leads to a leaf of it.
func (w *walker) leadsTo(e *edge, name string) bool {
	if e.onlyField != nil || e.typ.Kind != supergraph.Object {
		return false
	}
	_, _, ok := w.resolves(e.typ, e, name)
	return ok
}

// in reports whether a subgraph has one of the fields on objects that it knows as a type.
func (f *wanted) in(t *supergraph.Type, g *supergraph.Subgraph) bool {
	return f.all || slices.ContainsFunc(f.names, func(name string) bool {
		field := t.Field(name)
		return field != nil && field.InSubgraph(g) != nil
	})
}
