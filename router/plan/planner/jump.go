package planner

import (
	"slices"

	"souk/router/supergraph"
)

// An entityJump enters a subgraph by one of an entity's keys. If requires is
// set, it also sends what that field requires, and only that field can be
// selected behind it.
type entityJump struct {
	typ      *supergraph.Type
	subgraph *supergraph.Subgraph
	key      *supergraph.Key
	requires *supergraph.FieldIn
}

// withJumps returns the paths of a branch together with those that continue from
// them by entity jumps.
//
// Jumps are explored in rounds. A round makes the jumps whose keys and
// required fields can be fetched over the paths of the rounds before it. So
// the conditions of a jump never depend on the jump itself, even if the keys
// of several subgraphs refer to each other, and the number of rounds is at
// most the number of possible jumps.
func (w *walker) withJumps(b *branch) []*edge {
	if !b.noEntityJumps && !b.entitiesExplored {
		b.entitiesExplored = true
		w.explore(b)
	}
	return w.join(b.paths, b.jumps)
}

// join returns the paths of two lists.
func (w *walker) join(a, b []*edge) []*edge {
	if len(b) == 0 {
		return a[:len(a):len(a)]
	}
	all := w.memory.edgeLists.Make(len(a) + len(b))
	copy(all[copy(all, a):], b)
	return all
}

// explore makes the jumps from a branch, for the payload that the branch is visited for.
func (w *walker) explore(b *branch) {
	defer func(visited int) { w.deferID = visited }(w.deferID)
	w.deferID = b.deferID
	if b.typ == w.model.Query {
		b.jumps = w.rootJumps(b)
		return
	}
	waiting := w.possibleJumps(b)
	if b.deferID > 0 && len(w.jumping) == 0 {
		b.position.exploredIn = append(b.position.exploredIn, b.deferID)
	}
	if w.thorough {
		w.exploreThoroughly(b, waiting)
		return
	}
	for progress := true; progress && w.budget >= 0; {
		from := w.withoutJumps(b)
		var round []*edge
		waiting = slices.DeleteFunc(waiting, func(options []entityJump) bool {
			best := w.cheapestJump(from, options)
			if best == nil {
				return false
			}
			round = w.memory.edgeLists.Append(round, best)
			return true
		})
		b.jumps = w.join(b.jumps, round)
		progress = len(round) > 0
	}
}

// exploreThoroughly makes every jump. What a jump needs is visited again in every
// round, since it may be cheaper to fetch over the jumps of a later one, and the
// jump has the conditions of the last round. So two jumps may be conditions of each
// other: see settle.go for how paths without circles are chosen. If all paths of the
// branch lead to what a jump needs, it is known at the latest with the objects, and no
// jump from them can be of use for it.
func (w *walker) exploreThoroughly(b *branch, waiting [][]entityJump) {
	var made table[entityJump, *edge]
	var before table[*position, *conditionPaths]
	for progress := true; progress && w.budget >= 0; {
		progress = false
		from := w.withoutJumps(b)
		from.conditionPaths = before // its paths begin with those of the round before
		jumps := b.jumps
		for _, options := range waiting {
			for _, j := range options {
				e, ok := made.get(j)
				if ok && e.knownWith(b.paths) {
					continue
				}
				conditions, contexts := w.conditions(from, j)
				switch {
				case conditions == nil || w.budget < 0:
				case ok:
					e.conditions, e.contexts = conditions, contexts
					for _, c := range conditions {
						c.conditionOf = e
					}
				default:
					e = w.newJump(from, j, conditions, contexts)
					made.put(&w.memory.made, j, e)
					jumps = w.memory.edgeLists.Append(jumps, e)
					progress = true
				}
			}
		}
		b.jumps, before = jumps, from.conditionPaths
	}
}

// knownWith reports whether all conditions of an edge can be known by each of some paths.
func (e *edge) knownWith(paths []*edge) bool {
	for _, c := range e.conditions {
		for _, p := range paths {
			if !slices.ContainsFunc(c.candidates, func(to *edge) bool { return to.continues(p) }) {
				return false
			}
		}
	}
	return true
}

// continues reports whether the path of an edge begins with another one.
func (e *edge) continues(path *edge) bool {
	for ; e != nil; e = e.tail {
		if e == path {
			return true
		}
	}
	return false
}

// withoutJumps returns a branch of the same objects for visiting the conditions
// of jumps: its paths are those of the branch and the jumps that were made before.
func (w *walker) withoutJumps(b *branch) *branch {
	return w.memory.branches.Of(branch{
		position: b.position, typ: b.typ, parent: b.parent, paths: w.join(b.paths, b.jumps),
		noEntityJumps: true, anyType: b.anyType, deferID: b.deferID, commonMembers: b.commonMembers,
	})
}

// possibleJumps lists the jumps from a branch, without looking at whether
// their keys can be fetched. Each item has the alternatives for one subgraph,
// or for one field of it that requires something: they differ in the key.
func (w *walker) possibleJumps(b *branch) [][]entityJump {
	fields := w.wantedBy(b)
	list := w.jumpsTo(nil, b, b.typ, &fields)
	for _, t := range b.typ.Interfaces {
		list = w.jumpsTo(list, b, t, &fields)
	}
	return list
}

// jumpsTo adds the jumps to a type of the objects of a branch: their own, or an interface.
func (w *walker) jumpsTo(list [][]entityJump, b *branch, t *supergraph.Type, fields *wanted) [][]entityJump {
	for _, in := range t.In {
		if t != b.typ && !in.InterfaceObject || len(in.Possible) == 0 {
			continue
		}
		var keys []*supergraph.Key
		for _, k := range in.Keys {
			if k.Resolvable {
				keys = w.memory.keys.Append(keys, k)
			}
		}
		if len(keys) == 0 {
			continue
		}
		if w.mayEnter(b, t, in.Subgraph) && fields.in(t, in.Subgraph) {
			list = w.appendJumps(list, t, in.Subgraph, keys, nil)
		}
		for _, f := range w.requirements.in(w.model, in) {
			if (f.mayBeCondition || b.position.slot.has(f.name)) && f.in.Resolves(w.labels) {
				list = w.appendJumps(list, t, in.Subgraph, keys, f.in)
			}
		}
	}
	return list
}

// mayEnter reports whether a jump to a subgraph can have a use: not all paths of the branch, or for a walk that is
// not thorough none of them, are in the subgraph already. Payloads have requests of their own.
func (w *walker) mayEnter(b *branch, t *supergraph.Type, g *supergraph.Subgraph) bool {
	isThere := func(e *edge) bool {
		return e.subgraph == g && e.typ == t && e.onlyField == nil && !e.viaInterfaceObject() && !e.eventOnly
	}
	switch {
	case !w.thorough:
		return b.fromEarlierPayload || !slices.ContainsFunc(b.paths, isThere)
	case w.defers:
		return true
	}
	return slices.ContainsFunc(b.paths, func(e *edge) bool { return !isThere(e) })
}

func (w *walker) appendJumps(list [][]entityJump, t *supergraph.Type, g *supergraph.Subgraph, keys []*supergraph.Key, requires *supergraph.FieldIn) [][]entityJump {
	var options []entityJump
	for _, k := range keys {
		if j := (entityJump{t, g, k, requires}); !slices.Contains(w.jumping, j) {
			options = w.memory.jumps.Append(options, j)
		}
	}
	if options == nil {
		return list
	}
	return w.memory.jumpLists.Append(list, options)
}

// cheapestJump makes the cheapest of some jumps; nil if none can be made.
func (w *walker) cheapestJump(from *branch, options []entityJump) *edge {
	var best *edge
	for _, j := range options {
		if e := w.jump(from, j); e != nil && (best == nil || e.cost < best.cost) {
			best = e
		}
	}
	return best
}

// jump makes the edge of an entity jump; nil if its key, or what it requires,
// cannot be fetched over the paths of the branch.
func (w *walker) jump(from *branch, j entityJump) *edge {
	conditions, contexts := w.conditions(from, j)
	if conditions == nil {
		return nil
	}
	return w.newJump(from, j, conditions, contexts)
}

func (w *walker) newJump(from *branch, j entityJump, conditions []*leaf, contexts []*contextValue) *edge {
	return w.newEdge(edge{
		kind: keyEdge, conditions: conditions, subgraph: j.subgraph, typ: j.typ, position: from.position,
		key: j.key, contexts: contexts, onlyField: j.requires, deferID: w.deferID,
	})
}

// conditions returns the leaves that an entity jump needs, at least one; nil if one of
// them cannot be fetched.
func (w *walker) conditions(from *branch, j entityJump) (conditions []*leaf, contexts []*contextValue) {
	outer := w.target
	w.jumping, w.target = append(w.jumping, j), j.subgraph
	defer func() { w.jumping, w.target = w.jumping[:len(w.jumping)-1], outer }()
	conditions, err := w.walk(from, j.key.Fields.Selections)
	if err == nil && j.requires != nil && j.requires.Requires != nil {
		var more []*leaf
		more, err = w.walk(from, j.requires.Requires.Selections)
		conditions = w.memory.leafLists.Append(conditions, more...)
	}
	if err == nil && j.requires != nil {
		var more []*leaf
		contexts, more, err = w.contextValues(from, j.requires)
		conditions = w.memory.leafLists.Append(conditions, more...)
	}
	if err == nil && len(conditions) == 0 { // @key(fields: "__typename")
		conditions = w.exists(from)
	}
	if err != nil || len(conditions) == 0 {
		return nil, nil
	}
	return conditions, contexts
}

// exists returns the leaf for the objects of a branch themselves, none if no path
// reaches them: a jump that sends nothing but a type needs an object that is
// not null.
func (w *walker) exists(b *branch) []*leaf {
	var paths []*edge
	for _, e := range b.paths {
		if e.onlyField == nil {
			paths = w.memory.edgeLists.Append(paths, e)
		}
	}
	if len(paths) == 0 {
		return nil
	}
	return w.memory.leafLists.Append(nil, w.newLeaf(paths))
}

// rootJumps goes to the query types of all subgraphs that have one: from the
// operation's root, or from an object whose field leads back to Query. No key
// is needed for that.
func (w *walker) rootJumps(b *branch) []*edge {
	var jumps []*edge
	for _, in := range b.typ.In {
		if !b.fromEarlierPayload && slices.ContainsFunc(b.paths, func(e *edge) bool { return e.subgraph == in.Subgraph }) {
			continue
		}
		e := edge{kind: rootEdge, subgraph: in.Subgraph, typ: b.typ, position: b.position, deferID: w.deferID}
		if b.position.parent != nil {
			e.conditions = w.memory.leafLists.Append(nil, w.newLeaf(b.paths))
		}
		jumps = w.memory.edgeLists.Append(jumps, w.newEdge(e))
	}
	return jumps
}

// needsTypename reports whether a representation has to name the type of a
// field's value: the subgraph knows the field as an interface or a union.
func needsTypename(f *supergraph.Field, g *supergraph.Subgraph) bool {
	value := f.Named
	if in := f.InSubgraph(g); in != nil {
		value = in.Named
	}
	in := value.InSubgraph(g)
	return value.Abstract() && in != nil && !in.InterfaceObject
}
