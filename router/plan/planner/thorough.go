package planner

import (
	"souk/router/operation"
	"souk/router/supergraph"
)

// goals are the leaves that a thorough walk found.
type goals struct {
	leaves []*leaf // nil if the walk failed
	// complete is set if no path was left out.
	complete bool
	// interfaces is set if fields of interfaces may be selected by type, byType if some were: see bytype.go.
	interfaces, byType bool
}

// A thoroughWalk looks for all paths that the best plan may need, with root positions of its own.
type thoroughWalk struct {
	first     *walker // shares the numbering of leaves and edges
	walker    *walker
	positions rootPositions
}

// thoroughly returns a thorough walk after a first one, which selects fields of interfaces by
// type if byType is set.
func (i *improver) thoroughly(w *walker, byType bool) *thoroughWalk {
	thorough := i.planner.newWalker(w.memory, w.labels, i.planner.effort.thorough(w.edges))
	thorough.defers, thorough.thorough, thorough.byType = w.defers, true, byType
	return &thoroughWalk{first: w, walker: thorough, positions: rootPositions{root: i.root}}
}

// query walks the selections of a query.
func (t *thoroughWalk) query(typ *supergraph.Type, selections []operation.Selection) goals {
	memory := t.walker.memory
	return t.find(func(w *walker) ([]*leaf, error) {
		return w.walkRoot(memory.branches.Of(branch{position: memory.positions.Of(position{slot: t.positions.root}), typ: typ}), selections)
	})
}

// field walks a root field that is fetched from a subgraph.
func (t *thoroughWalk) field(g *supergraph.Subgraph, typ *supergraph.Type, f *operation.Field) goals {
	return t.find(func(w *walker) ([]*leaf, error) {
		return w.walkFrom(g, t.positions.of(w.memory, g), typ, f)
	})
}

// find walks. What it finds has IDs of its own.
func (t *thoroughWalk) find(walk func(*walker) ([]*leaf, error)) goals {
	w := t.walker
	w.edges, w.leaves = t.first.edges, t.first.leaves
	w.incomplete, w.interfaces, w.byTypeDone = false, false, false
	leaves, err := walk(w)
	if err == nil {
		w.repeatForDeferred(leaves)
	}
	t.first.edges, t.first.leaves = w.edges, w.leaves
	if err != nil || w.budget < 0 {
		return goals{}
	}
	return goals{leaves: leaves, complete: !w.incomplete, interfaces: w.interfaces, byType: w.byTypeDone}
}
