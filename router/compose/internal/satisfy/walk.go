package satisfy

import (
	"slices"

	"souk/router/supergraph"
)

// A walk follows the paths of the API schema from its starts, breadth first, and
// collects the fields that cannot be resolved.
type walk struct {
	*reader
	// queue has the states to visit by the number of labels they decide: few
	// decisions first, since a state is not visited if one with fewer was.
	queue   [][]*state
	visited map[*supergraph.Type][]*visit
	// base is a walk without failures, whose visits count as visits of this one.
	base     *walk
	failures []*failure
	failed   map[coordinate]bool
	// disagreements are about the runtime types of shared fields.
	disagreements []*disagreement
	compared      map[*supergraph.Field]bool
	// arrivals, if set, records the states, and proved, if set, tells which of them need
	// no visit.
	arrivals recording
	proved   func(t *supergraph.Type, at *set) bool
	// follow, if set, is called for each field and type that can be reached.
	follow func(path *step, labels assignment)
}

// A state is what is known where a path of the API schema ends: a type, the
// positions at which its objects arrive, the labels decided on the way, and the
// contexts that enclosing objects set.
type state struct {
	typ      *supergraph.Type
	at       *set
	labels   assignment
	contexts contexts
	path     *step
	// reached are the objects, once the state is visited, with the positions that entity
	// jumps lead to.
	reached objects
}

// A step is the end of a path of the API schema: a field of the objects before, or
// a narrowing of them to one object type.
type step struct {
	before *step
	field  *supergraph.Field
	on     *supergraph.Type
}

// A visit is a state that has been visited.
type visit struct {
	labels   assignment
	contexts contexts
	known    *set
	// members are the possible object types of an abstract type.
	members []*supergraph.Type
}

// A coordinate names what cannot be resolved: a field of an object type or, with an
// abstract type, one of its object types.
type coordinate struct{ typ, name string }

// A failure is a field, or an object type, that cannot be reached from some objects.
type failure struct {
	path    *step
	objects objects
	field   *supergraph.Field
	on      *supergraph.Type
}

func newWalk(r *reader, base *walk) *walk {
	return &walk{
		reader: r, base: base, visited: map[*supergraph.Type][]*visit{},
		failed: map[coordinate]bool{}, compared: map[*supergraph.Field]bool{},
	}
}

func (w *walk) start(s *state) {
	n := s.labels.decided()
	for len(w.queue) <= n {
		w.queue = append(w.queue, nil)
	}
	w.queue[n] = append(w.queue[n], s)
}

// run visits all states.
func (w *walk) run() {
	for n := 0; n < len(w.queue); {
		if len(w.queue[n]) == 0 || w.steps < 0 {
			n++
			continue
		}
		s := w.queue[n][0]
		w.queue[n] = w.queue[n][1:]
		w.visit(s)
		n = 0
	}
}

func (w *walk) visit(s *state) {
	if w.proved != nil && w.proved(s.typ, s.at) {
		return
	}
	w.arrivals.add(s.typ, s.at)
	o := w.reach(s.typ, s.at, s.labels, s.contexts)
	s.reached = o
	v := &visit{labels: s.labels, contexts: s.contexts, known: o.known}
	if s.typ.Abstract() {
		v.members = w.members(s)
	}
	if w.dominated(s.typ, v) {
		return
	}
	w.visited[s.typ] = append(w.visited[s.typ], v)
	if s.typ.Abstract() {
		for _, t := range v.members {
			w.visitType(s, t)
		}
		return
	}
	for _, f := range s.typ.Fields {
		if visible(f) {
			w.visitField(s, f)
		}
	}
}

// members lists the object types that the objects of an abstract type can have:
// those that every subgraph knows that returns the objects. A subgraph must not
// return others, since all of them return the same objects.
func (w *walk) members(s *state) []*supergraph.Type {
	fewest, from := s.typ.Possible, -1
	for i, p := range s.at.positions {
		if known := w.typ(p).InSubgraph(w.subgraph(p)).Possible; len(known) < len(fewest) {
			fewest, from = known, i
		}
	}
	inside := from < 0 || w.typ(s.at.positions[from]) == s.typ
	var members []*supergraph.Type
	for _, t := range fewest {
		w.steps--
		known := !t.Inaccessible && (inside || has(s.typ.Possible, t))
		for i, p := range s.at.positions {
			known = known && (i == from || has(w.typ(p).InSubgraph(w.subgraph(p)).Possible, t))
		}
		if known {
			members = append(members, t)
		}
	}
	return members
}

// dominated reports whether a visit adds nothing to one before: everything that
// could be resolved then can be resolved now.
func (w *walk) dominated(t *supergraph.Type, v *visit) bool {
	for _, before := range w.visited[t] {
		w.steps--
		if v.labels.extends(before.labels) && v.contexts.cover(before.contexts) && w.covers(v.known, before.known) && subset(v.members, before.members) {
			return true
		}
	}
	return w.base != nil && w.base.dominated(t, v)
}

// cover reports whether every value found in other is found in c.
func (c contexts) cover(other contexts) bool {
	for i := range c {
		if c[i] != other[i] && c[i] != contextFound {
			return false
		}
	}
	return true
}

// subset reports whether all types of a sorted list are in another.
func subset(some, all []*supergraph.Type) bool {
	if len(some) > len(all) {
		return false
	}
	for _, t := range some {
		if !has(all, t) {
			return false
		}
	}
	return true
}

// visible reports whether clients see a field.
func visible(f *supergraph.Field) bool { return !f.Inaccessible && visibleType(f.Named) }

func visibleType(t *supergraph.Type) bool {
	return !t.Inaccessible && (len(t.Fields) == 0 || slices.ContainsFunc(t.Fields, func(f *supergraph.Field) bool { return !f.Inaccessible }))
}

// objects are the objects of a state, if labels are as assigned.
func (w *walk) objects(s *state, labels assignment) objects {
	if len(w.model.Labels) == 0 && s.reached.typ != nil {
		return s.reached
	}
	return w.reach(s.typ, s.at, labels, s.contexts)
}

// visitType narrows the objects of an abstract type to one object type.
func (w *walk) visitType(s *state, t *supergraph.Type) {
	path := &step{before: s.path, on: t}
	for _, p := range w.possibilities(s.labels, func(labels assignment) *set {
		return w.cast(w.objects(s, labels), t)
	}) {
		if len(p.reached.positions) == 0 {
			w.fail(&failure{path: s.path, objects: w.objects(s, p.labels), on: t})
			continue
		}
		w.start(&state{typ: t, at: p.reached, labels: p.labels, contexts: s.contexts, path: path})
	}
}

// visitField follows a field of an object type.
func (w *walk) visitField(s *state, f *supergraph.Field) {
	for _, p := range w.possibilities(s.labels, func(labels assignment) *set {
		return w.field(w.objects(s, labels), f.Name)
	}) {
		o := w.objects(s, p.labels)
		if len(p.reached.positions) == 0 {
			w.fail(&failure{path: s.path, objects: o, field: f})
			continue
		}
		if w.follow != nil {
			w.follow(&step{before: s.path, field: f}, p.labels)
		}
		if !f.Named.Composite() {
			continue
		}
		path := &step{before: s.path, field: f}
		if w.disagree(path, f, p) {
			continue
		}
		w.start(&state{typ: f.Named, at: p.reached, labels: p.labels, contexts: w.contextsBelow(o, f.Named), path: path})
	}
}

// fail records a failure: the first one for each field, which has the shortest path.
func (w *walk) fail(f *failure) {
	if w.steps < 0 {
		return
	}
	at := f.coordinate()
	if !w.failed[at] {
		w.failed[at] = true
		w.failures = append(w.failures, f)
	}
}

func (f *failure) coordinate() coordinate {
	if f.field == nil {
		return coordinate{f.objects.typ.Name, f.on.Name}
	}
	return coordinate{f.objects.typ.Name, f.field.Name}
}
