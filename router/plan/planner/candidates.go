package planner

import (
	"errors"
	"slices"

	"souk/router/operation"
	"souk/router/supergraph"
)

// fieldLeaves finds the leaves of a field and of everything below it.
func (w *walker) fieldLeaves(b *branch, f *operation.Field) ([]*leaf, error) {
	def := w.fieldOf(b.typ, f.Name)
	if def == nil {
		return nil, &unreachable{b, f}
	}
	if !def.Named.Composite() && w.isSelected(b, f) {
		return nil, nil
	}
	if len(w.jumping) > 0 && !w.thorough {
		// The fields of a key are usually in the subgraph that has the rest of
		// the key. Try that before exploring further jumps. A thorough walk finds all.
		if candidates := w.fieldEdges(b, b.paths, f, false); len(candidates) > 0 {
			if leaves, err := w.leavesBelow(b, candidates, def, f, false); err == nil || b.noEntityJumps {
				return leaves, err
			}
		}
	}
	candidates, earlier := w.candidates(b, f, def)
	if len(candidates) == 0 {
		return nil, &unreachable{b, f}
	}
	w.mayDoByType(b, candidates, def)
	leaves, err := w.leavesBelow(b, candidates, def, f, earlier)
	if err == nil || !b.fromEarlierPayload || errors.Is(err, errTooLarge) {
		return leaves, err
	}
	// What is selected below may need both the requests of the earlier payload and
	// jumps: extend the former rather than fail.
	all := w.fieldEdges(b, w.withJumps(b), f, false)
	if len(all) <= len(candidates) {
		return nil, err
	}
	return w.leavesBelow(b, all, def, f, false)
}

// leavesBelow finds the leaves below a field, given the paths to the field.
func (w *walker) leavesBelow(b *branch, paths []*edge, def *supergraph.Field, f *operation.Field, fromEarlierPayload bool) ([]*leaf, error) {
	if !def.Named.Composite() {
		return w.memory.leafLists.Append(nil, w.newLeaf(paths)), nil
	}
	child := w.register(branch{
		position: paths[0].position, typ: def.Named, parent: b,
		paths: w.cheapestPerSubgraph(paths), fromEarlierPayload: fromEarlierPayload,
		anyType: b.anyType || len(w.jumping) == 0 && !slices.ContainsFunc(paths, (*edge).isTyped),
	})
	if def.Named.Kind == supergraph.Union {
		child.commonMembers = intersectMembers(child.paths)
	}
	leaves, err := w.walk(child, f.Selections)
	if err == nil && w.target != nil && needsTypename(def, w.target) {
		name := w.typenameLeaf(child)
		if name == nil {
			return nil, &unreachable{child, &operation.Field{Name: "__typename", Alias: "__typename"}}
		}
		leaves = w.memory.leafLists.Append(leaves, name)
	}
	if first := child.position.firstBranch; err == nil && !slices.ContainsFunc(leaves, w.isOfThisPayload) && (first == nil || first.deferID >= w.deferID) {
		leaves = w.memory.leafLists.Append(leaves, w.newLeaf(child.paths)) // whether the object is null
	}
	return leaves, err
}

func (w *walker) isOfThisPayload(l *leaf) bool { return l.deferID == w.deferID }

// candidates finds the paths to a field, and reports whether they belong to an
// earlier payload than the one that is visited.
//
// Entity jumps are explored only where they can matter: where no path of the
// branch leads to the field, where the field has selections of its own, which
// another subgraph may serve better, and where the cheapest candidate costs a
// request more than the cheapest path of the branch. A thorough walk also
// explores them where a path of the branch lacks the field: that path may be
// needed anyway, and a jump from it less than another path.
func (w *walker) candidates(b *branch, f *operation.Field, def *supergraph.Field) (candidates []*edge, earlier bool) {
	if b.fromEarlierPayload && len(w.jumping) == 0 {
		if candidates, earlier = w.deferredCandidates(b, f); len(candidates) > 0 {
			return candidates, earlier
		}
	}
	candidates = w.fieldEdges(b, b.paths, f, false)
	if len(candidates) == 0 || def.Named.Composite() || lowestCost(candidates) >= lowestCost(b.paths)+requestCost || w.thorough && len(candidates) < len(b.paths) {
		candidates = w.orByJump(b, f, candidates)
	}
	if len(candidates) == 0 && !b.noEntityJumps {
		candidates = w.fieldEdges(b, b.paths, f, true)
	}
	return candidates, false
}

// deferredCandidates finds the paths to a field that a deferred payload selects of objects that an
// earlier payload selects, too. Requests of the earlier payload do not fetch what only the deferred one
// selects if an entity request can: for the objects themselves or, if it cannot, for those around them.
// Only keys they may fetch.
func (w *walker) deferredCandidates(b *branch, f *operation.Field) (candidates []*edge, earlier bool) {
	if w.isSelectedEarlier(b, b.position.slot.child(f)) {
		if candidates = w.fieldEdges(b, b.paths, f, false); len(candidates) > 0 {
			if b.typ != w.model.Query { // whose jumps repeat root fields
				candidates = w.orByJump(b, f, candidates)
			}
			return candidates, true
		}
	}
	if candidates = w.fieldEdges(b, keyed(b, f), f, false); len(candidates) > 0 {
		if w.thorough {
			candidates = w.orByJump(b, f, candidates)
		}
		return candidates, false
	}
	if candidates = w.orByJump(b, f, w.fieldEdges(b, w.ofThisPayload(b.paths, true), f, false)); len(candidates) == 0 {
		candidates = w.fieldEdges(b, w.ofThisPayload(b.paths, false), f, false)
	}
	return candidates, false
}

// orByJump adds the paths by entity jumps from a branch.
func (w *walker) orByJump(b *branch, f *operation.Field, candidates []*edge) []*edge {
	return w.memory.edgeLists.Append(candidates, w.fieldEdges(b, w.withJumps(b)[len(b.paths):], f, false)...)
}

// ofThisPayload returns the paths that begin with a request of the payload that is visited: one for
// the objects at their ends, if direct is set.
func (w *walker) ofThisPayload(paths []*edge, direct bool) (found []*edge) {
	for _, path := range paths {
		entity := path
		if path.kind == downcastEdge {
			entity = path.tail
		}
		if path.head().deferID == w.deferID && (!direct || entity.tail == nil) {
			found = w.memory.edgeLists.Append(found, path)
		}
	}
	return found
}

// keyed returns the paths to objects of which a field is part of a key, in whichever subgraph, with all
// that is selected below it. It may be one of their type or, by an @interfaceObject, of an interface.
func keyed(b *branch, f *operation.Field) (found []*edge) {
	if isInKeyOf(b.typ, f) {
		return b.paths
	}
	for _, e := range b.paths {
		if e.typ != b.typ && isInKeyOf(e.typ, f) {
			found = append(found, e)
		}
	}
	return found
}

func isInKeyOf(t *supergraph.Type, f *operation.Field) bool {
	return slices.ContainsFunc(t.In, func(in *supergraph.TypeIn) bool {
		return slices.ContainsFunc(in.Keys, func(k *supergraph.Key) bool { return selects(k.Fields.Selections, f) })
	})
}

// selects reports whether the selections of a key have a field, with all that is selected below it.
func selects(key []operation.Selection, f *operation.Field) bool {
	return slices.ContainsFunc(key, func(sel operation.Selection) bool {
		in, ok := sel.(*operation.Field)
		return ok && in.Name == f.Name && !slices.ContainsFunc(f.Selections, func(below operation.Selection) bool {
			field, ok := below.(*operation.Field)
			return !ok || !selects(in.Selections, field)
		})
	})
}

// fieldEdges follows paths to a field. Behind an @interfaceObject only key
// fields are followed, and those selected for all types, unless anyField is set: see
// untyped.go.
func (w *walker) fieldEdges(b *branch, paths []*edge, f *operation.Field, anyField bool) []*edge {
	if w.thorough && b.noEntityJumps && !anyField && len(paths) == len(b.paths) {
		return w.conditionEdges(b, f)
	}
	return w.edgesTo(b, paths, f, anyField)
}

// conditionPaths are paths to a field that conditions of entity jumps need.
type conditionPaths struct {
	found []*edge
	// followed is how many paths of the branch have been followed to the field.
	followed int
}

// conditionEdges follows the paths of a branch that is visited for the conditions of entity jumps.
// Many jumps have the same key, so what is found is kept, also for branches with further paths.
func (w *walker) conditionEdges(b *branch, f *operation.Field) []*edge {
	child := w.childOf(b.position, f)
	known, ok := b.conditionPaths.get(child)
	if !ok {
		known = w.memory.conditions.New()
		b.conditionPaths.put(&w.memory.conditionPaths, child, known)
	}
	if more := b.paths[known.followed:]; len(more) > 0 {
		known.found = w.memory.edgeLists.Append(known.found[:len(known.found):len(known.found)], w.edgesTo(b, more, f, false)...)
		known.followed = len(b.paths)
	}
	return known.found[:len(known.found):len(known.found)]
}

func (w *walker) edgesTo(b *branch, paths []*edge, f *operation.Field, anyField bool) []*edge {
	var candidates []*edge
	for _, e := range paths {
		if !e.isTyped() && !w.mayAskUntyped(b, e, f, anyField) {
			continue
		}
		if out := w.fieldFrom(e, b.position, f); out != nil {
			candidates = w.memory.edgeLists.Append(candidates, out)
		}
	}
	return candidates
}

func lowestCost(paths []*edge) int { return slices.MinFunc(paths, byCost).cost }

// cheapestPerSubgraph keeps the cheapest paths into each subgraph by requests of each payload, with and
// without the objects' types: two, or twelve on a thorough walk, which is not complete then. The path that is cheapest on its own may not be
// the cheapest in the plan, which may have the requests of another one already. Paths
// into other subgraphs are never dropped for their cost: fields selected below may be
// available only there.
func (w *walker) cheapestPerSubgraph(paths []*edge) []*edge {
	most := 2
	if w.thorough {
		most = 12
	}
	sorted := w.memory.edgeLists.Append(nil, paths...)
	slices.SortStableFunc(sorted, byCost)
	kept := sorted[:0]
	for _, e := range sorted {
		same := 0
		for _, have := range kept {
			if have.subgraph == e.subgraph && have.isTyped() == e.isTyped() && (!w.defers || have.head().deferID == e.head().deferID) {
				same++
			}
		}
		switch {
		case w.defers && slices.Contains(kept, e): // by a branch of an earlier payload
		case same < most:
			kept = append(kept, e)
		default:
			w.incomplete = true
		}
	}
	return kept
}

// intersectMembers returns the members of a union that every subgraph knows that
// could return it; nil, for no restriction, if it is only one subgraph. Which
// subgraph is asked must not change which members a client sees.
func intersectMembers(paths []*edge) []*supergraph.Type {
	common := paths[0].typ.InSubgraph(paths[0].subgraph).Possible
	several := false
	for _, e := range paths[1:] {
		if e.subgraph == paths[0].subgraph {
			continue
		}
		several = true
		common = intersect(common, e.typ.InSubgraph(e.subgraph).Possible)
	}
	if !several {
		return nil
	}
	return common
}

// oneSubgraphForAllTypes checks, for a field that is selected type by type on
// an interface, that at least one of the subgraphs that return the objects
// leads to the field for every type. Otherwise the value would be assembled
// from several subgraphs that each return an object of their own choice. The
// error is *unreachable.
func (w *walker) oneSubgraphForAllTypes(b *branch, f *operation.Field) (err error) {
	paths := map[*supergraph.Subgraph][]*edge{}
	var subgraphs []*supergraph.Subgraph
	for _, e := range b.paths {
		if paths[e.subgraph] == nil {
			subgraphs = append(subgraphs, e.subgraph)
		}
		paths[e.subgraph] = append(paths[e.subgraph], e)
	}
	if len(subgraphs) < 2 || b.fromEarlierPayload {
		return nil
	}
	for _, g := range subgraphs {
		single := w.memory.branches.Of(branch{position: b.position, typ: b.typ, parent: b.parent, paths: paths[g], noEntityJumps: b.noEntityJumps, anyType: b.anyType, deferID: b.deferID})
		if err = w.reachesForAllTypes(single, b, f); err == nil {
			return nil
		}
	}
	return err
}

// reachesForAllTypes checks that a branch with some of the paths of all leads to a
// field for every type that the objects can have.
func (w *walker) reachesForAllTypes(b, all *branch, f *operation.Field) error {
	for _, o := range b.typ.Possible {
		d := w.downcast(b, o)
		if d == nil {
			continue
		}
		if candidates, _ := w.candidates(d, f, o.Field(f.Name)); len(candidates) == 0 && !all.excludes(o) {
			return &unreachable{d, f}
		}
	}
	return nil
}
