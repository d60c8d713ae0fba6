package planner

import "slices"

// A repeater adds paths by requests of a deferred payload that repeat those of the initial one:
// what only the deferred payload needs, such as a key that no request of the initial payload
// has, must not make the initial one wait. A thorough walk finds the paths by requests of the
// initial payload, and then these.
type repeater struct {
	*walker
	edges  map[repeated[*edge]]*edge
	leaves map[repeated[*leaf]]*leaf
	// open are the leaves of deferred payloads whose paths are to be repeated. seen are all
	// that have been.
	open []*leaf
	seen map[*leaf]bool
}

// A repeated edge or leaf is one for a deferred payload.
type repeated[T any] struct {
	original T
	deferID  int
}

// repeatForDeferred adds paths to the leaves of deferred payloads, those of the operation
// and those that conditions of their paths are.
func (w *walker) repeatForDeferred(leaves []*leaf) {
	if !slices.ContainsFunc(leaves, func(l *leaf) bool { return l.deferID > 0 }) {
		return
	}
	r := &repeater{w, map[repeated[*edge]]*edge{}, map[repeated[*leaf]]*leaf{}, nil, map[*leaf]bool{}}
	for _, l := range leaves {
		r.visit(l)
	}
	for len(r.open) > 0 && r.budget >= 0 {
		l := r.open[len(r.open)-1]
		r.open = r.open[:len(r.open)-1]
		for _, e := range l.candidates {
			if again := r.edge(e, l.deferID); again != e {
				l.candidates = w.memory.edgeLists.Append(l.candidates[:len(l.candidates):len(l.candidates)], again)
			}
		}
	}
}

// visit notes a leaf of a deferred payload.
func (r *repeater) visit(l *leaf) {
	if l.deferID > 0 && !r.seen[l] {
		r.seen[l] = true
		r.open = append(r.open, l)
	}
}

// edge returns the last edge of the path that repeats one for a deferred payload; the same edge if
// there is nothing to repeat.
func (r *repeater) edge(e *edge, deferID int) *edge {
	key := repeated[*edge]{e, deferID}
	if again := r.edges[key]; again != nil {
		return again
	}
	value, changed := *e, false
	switch {
	case e.tail != nil:
		value.tail = r.edge(e.tail, deferID)
		changed = value.tail != e.tail
	case e.deferID == 0 && r.mayRepeat(e, deferID):
		value.deferID, changed = deferID, true
	}
	for _, c := range e.conditions {
		r.visit(c)
	}
	again := e
	if changed {
		value.conditions = r.memory.leafLists.Make(len(e.conditions))
		for i, c := range e.conditions {
			value.conditions[i] = r.leaf(c, deferID)
		}
		value.out, value.typename = table[*position, *edge]{}, nil
		again = r.newEdge(value)
	}
	r.edges[key] = again
	return again
}

// mayRepeat reports whether a deferred payload may make the request of an edge: not a mutation, and
// not an entity jump where it has its own.
func (r *repeater) mayRepeat(e *edge, deferID int) bool {
	if e.kind == keyEdge {
		return !slices.Contains(e.position.exploredIn, deferID)
	}
	return e.typ == r.model.Query
}

// leaf returns a condition of a path for a deferred payload.
func (r *repeater) leaf(c *leaf, deferID int) *leaf {
	if c.deferID > 0 {
		return c
	}
	key := repeated[*leaf]{c, deferID}
	again := r.leaves[key]
	if again == nil {
		again = r.newLeaf(c.candidates)
		again.deferID = deferID
		r.leaves[key] = again
		r.visit(again)
	}
	return again
}
