package planner

import (
	"errors"
	"slices"

	"souk/router/operation"
	"souk/router/supergraph"
)

// An interface's field is usually selected once, for objects of all types. A plan may need fewer
// requests if it is selected type by type: if each type has the field in a subgraph that is
// asked anyway, by an entity jump that the interface does not have. For
//
//	{ i { v ... on T { o { f } } } }
//
// where subgraph a has i and T.o, b has i with v, and c has T.v and o.f, that is c for v and f
// rather than b for v and c for f. Selecting by type multiplies the paths, and so it is tried
// only after a search without it has found nothing as good as the lower bound.

// mayDoByType notes that the walk selects a field for objects of all types of an interface that may
// be selected type by type as well.
func (w *walker) mayDoByType(b *branch, candidates []*edge, def *supergraph.Field) {
	if w.thorough && !w.interfaces && b.typ.Kind == supergraph.Interface {
		w.interfaces = def.Named.Composite() || !fromAll(candidates, b.paths)
	}
}

// fieldByType finds the leaves of an interface's field and everything below it type by type. ok is
// false if that has no advantage, because one of the types has no more paths to the field than the
// interface, or if it cannot be done.
func (w *walker) fieldByType(b *branch, f *operation.Field) (leaves []*leaf, ok bool, err error) {
	def := b.typ.Field(f.Name)
	if def == nil {
		return nil, false, nil
	}
	direct, _ := w.candidates(b, f, def)
	if len(direct) == 0 || !def.Named.Composite() && (fromAll(direct, b.paths) || w.isSelected(b, f)) {
		return nil, false, nil
	}
	var ways []wayByType
	for _, o := range b.typ.Possible {
		if b.excludes(o) {
			continue
		}
		d := w.downcast(b, o)
		if w.budget < 0 {
			return nil, false, errTooLarge
		}
		if d == nil {
			continue
		}
		way := wayByType{branch: d, def: o.Field(f.Name)}
		if way.def == nil {
			return nil, false, nil
		}
		way.paths, way.earlier = w.candidates(d, f, way.def)
		if !slices.ContainsFunc(way.paths, func(e *edge) bool { return !likeDirect(e, direct) }) {
			return nil, false, nil
		}
		ways = append(ways, way)
	}
	for _, way := range ways {
		more, err := w.leavesBelow(way.branch, w.withDirect(way, direct, f), way.def, f, way.earlier)
		if err != nil {
			if !errors.Is(err, errTooLarge) {
				err = nil
			}
			return nil, false, err
		}
		leaves = w.memory.leafLists.Append(leaves, more...)
	}
	w.byTypeDone = w.byTypeDone || len(ways) > 0
	return leaves, len(ways) > 0, nil
}

// A wayByType is a field of one of the types of an interface.
type wayByType struct {
	branch  *branch
	def     *supergraph.Field
	paths   []*edge // to the field
	earlier bool    // whether they belong to an earlier payload
}

// fromAll reports whether some edges continue all the paths.
func fromAll(edges, paths []*edge) bool {
	return !slices.ContainsFunc(paths, func(p *edge) bool {
		return !slices.ContainsFunc(edges, func(e *edge) bool { return e.tail == p })
	})
}

// likeDirect reports whether an edge to a field of one type of an interface is as good as one of
// those for all types.
func likeDirect(e *edge, direct []*edge) bool {
	return slices.ContainsFunc(direct, func(all *edge) bool {
		return isDowncastOf(e.tail, all.tail) && e.typ == all.typ && (!e.typ.Composite() || len(e.provided) == 0)
	})
}

func isDowncastOf(e, abstract *edge) bool { return e.kind == downcastEdge && e.tail == abstract }

// withDirect returns the paths to a field of one type of an interface, with those to the field for
// all types: they replace their like, and add those by an @interfaceObject, whose subgraph need
// not be told the type. What is selected below an object is for one type, though, whose name must be known.
func (w *walker) withDirect(way wayByType, direct []*edge, f *operation.Field) []*edge {
	var out []*edge
	if way.def.Named.Composite() {
		// What the interface has by requests of an earlier payload each type may have, too.
		inPlace := way.branch.fromEarlierPayload && len(w.ofThisPayload(direct, false)) == 0
		out = w.memory.edgeLists.Append(out, way.paths...)
		for _, e := range w.fieldEdges(way.branch, way.branch.paths, f, true) {
			if (e.tail.viaInterfaceObject() || inPlace && likeDirect(e, direct)) && !slices.Contains(out, e) {
				out = w.memory.edgeLists.Append(out, e)
			}
		}
		return out
	}
	for _, e := range way.paths {
		if !slices.ContainsFunc(direct, func(all *edge) bool { return isDowncastOf(e.tail, all.tail) }) {
			out = w.memory.edgeLists.Append(out, e)
		}
	}
	return w.memory.edgeLists.Append(out, direct...)
}
