package satisfy

import (
	"slices"

	"souk/router/supergraph"
)

// A disagreement is a shared field of an abstract type whose subgraphs know
// different object types for it.
type disagreement struct {
	path   *step
	field  *supergraph.Field
	labels assignment
	// common are the types that all of them know.
	common []*supergraph.Type
	known  []runtimeTypes
}

// runtimeTypes are the object types that a subgraph knows for a field.
type runtimeTypes struct {
	subgraph string
	types    []*supergraph.Type
}

// disagree compares the object types that subgraphs know for a shared field, and
// records the first disagreement about it. It reports whether they have no type in
// common: at least two of the subgraphs then return different values.
func (w *walk) disagree(path *step, f *supergraph.Field, p possibility) bool {
	if !f.Named.Abstract() || !shared(f) {
		return false
	}
	d := &disagreement{path: path, field: f, labels: p.labels, common: w.visibleTypes(f.Named.Possible)}
	all, differs, empty, abstract := d.common, false, true, 0
	for _, at := range p.reached.positions {
		w.steps--
		t, g := w.typ(at), w.subgraph(at)
		in := t.InSubgraph(g)
		if t.Abstract() && !in.InterfaceObject {
			abstract++
		}
		if in.InterfaceObject || len(in.Possible) == 1 && !has(all, in.Possible[0]) {
			continue
		}
		d.known = append(d.known, runtimeTypes{g.Name, in.Possible})
		d.common = slices.DeleteFunc(slices.Clone(d.common), func(t *supergraph.Type) bool { return !has(in.Possible, t) })
		differs = differs || !slices.Equal(in.Possible, d.known[0].types)
		empty = empty && len(in.Possible) == 0
	}
	none := abstract > 1 && !empty && len(d.common) == 0
	if abstract > 1 && !empty && (none || differs) && !w.compared[f] {
		w.compared[f] = true
		w.disagreements = append(w.disagreements, d)
	}
	return none
}

func (w *walk) visibleTypes(types []*supergraph.Type) []*supergraph.Type {
	return slices.DeleteFunc(slices.Clone(types), func(t *supergraph.Type) bool { return t.Inaccessible })
}

// shared reports whether several subgraphs resolve a field of an object type.
func shared(f *supergraph.Field) bool {
	n := 0
	for _, in := range f.In {
		if !in.External && (in.Overridden == nil || in.Overridden.Label != "") {
			n++
		}
	}
	return n > 1
}
