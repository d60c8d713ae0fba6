package planner

import (
	"errors"
	"slices"

	"souk/router/operation"
	"souk/router/supergraph"
)

// A walker visits the selections of an operation and finds, for each leaf, the
// candidate paths to it through the query graph.
//
// The walk is depth first. Each selection set is visited once, with all paths
// that reach its objects, so the work grows with the size of the operation
// times the number of subgraphs, not with the number of combinations. The
// budget bounds it where that is not enough: below interfaces with thousands
// of types.
type walker struct {
	model        *supergraph.Model
	requirements *requirements
	memory       *scratch
	labels       func(string) bool
	// deferID is the payload whose selections are visited: 0 for the initial
	// one, or the ID of a @defer. enclosing are the payloads around it.
	deferID   int
	enclosing []int
	// budget is how many more edges may be looked at.
	budget int
	// edges and leaves count those that exist.
	edges, leaves int
	// jumping are the entity jumps whose conditions are being visited, so that
	// none becomes its own condition. target is the subgraph of the innermost.
	jumping []entityJump
	target  *supergraph.Subgraph
	// resolvedForAllTypes remembers results of the method of that name.
	resolvedForAllTypes map[interfaceField]resolution
	// What was looked up last: see fieldOf and childOf.
	lastType     *supergraph.Type
	lastName     string
	lastField    *supergraph.Field
	lastParent   *position
	lastSelected *operation.Field
	lastChild    *position
	// thorough makes the walker find every path that the best plan may need,
	// for the optimiser, and not only those that look cheap for themselves.
	thorough bool
	// byType makes it select the fields of interfaces type by type where that may be
	// better. interfaces is set if there was a field for which it may be, byTypeDone if it was done.
	byType, interfaces, byTypeDone bool
	// defers is set if there are deferred payloads.
	defers bool
	// incomplete is set if a path was left out that is as good as others as far as
	// the walker knows.
	incomplete bool
}

// A branch is a visit to a selection set: the objects at a response position,
// of a static type, with the paths that reach them. (Apollo's planner calls it
// an open branch.)
type branch struct {
	position *position
	typ      *supergraph.Type
	// parent is the branch of the objects whose field this is; nil at the root.
	parent *branch
	// paths reach all objects here or, for an abstract type, all that their
	// subgraph knows.
	paths []*edge
	// jumps are the paths that continue by entity jumps from here. They are
	// explored on demand, and not at all if noEntityJumps is set: the branch is
	// then visited for the conditions of a jump from the same objects.
	jumps            []*edge
	entitiesExplored bool
	noEntityJumps    bool
	// fromEarlierPayload is set where the paths were found for an earlier
	// payload than the selections that are visited. Requests of the earlier
	// payload are not extended by what is wanted later only.
	fromEarlierPayload bool
	// deferID is the payload the branch was visited for.
	deferID int
	// anyType is set if what is selected here for objects of one type of an @interfaceObject only is
	// asked for objects of all types: see untyped.go.
	anyType bool
	// wider is the branch that this one narrows to objects of one type, or nil.
	wider *branch
	// commonMembers, unless nil, are the only members of a union that may be
	// selected; see intersectMembers.
	commonMembers []*supergraph.Type
	// downcasts are the branches of single object types; nil for a type that
	// no subgraph returns here.
	downcasts table[*supergraph.Type, *branch]
	// conditionPaths are the paths to fields that conditions of jumps need.
	conditionPaths table[*position, *conditionPaths]
	// typename is the leaf for __typename once it has been sought.
	typename       *leaf
	typenameSought bool
}

// register completes a branch. The first branch at a response position is
// remembered there. A deferred payload reuses entity jumps of an enclosing
// payload at the same position, never those of a sibling: a sibling may be
// delivered later.
func (w *walker) register(value branch) *branch {
	b := w.memory.branches.Of(value)
	b.deferID = w.deferID
	first := b.position.firstBranch
	switch {
	case b.fromEarlierPayload && first != nil:
		if w.thorough && first.deferID < w.deferID {
			w.withJumps(first)
		}
		if first.deferID == w.deferID || slices.Contains(w.enclosing, first.deferID) {
			b.paths = w.join(b.paths, first.jumps)
		}
	case first == nil && len(w.jumping) == 0:
		b.position.firstBranch = b
	}
	return b
}

// walkRoot finds the leaves of the selection set of a root type.
func (w *walker) walkRoot(b *branch, selections []operation.Selection) ([]*leaf, error) {
	if w.defers || len(w.model.InterfaceObjects) > 0 {
		w.markSelectedByPayload(b.position, b.typ, selections, 0)
	}
	return w.walk(b, selections)
}

// walk finds the leaves of a selection set. The error is *unreachable or
// errTooLarge.
func (w *walker) walk(b *branch, selections []operation.Selection) ([]*leaf, error) {
	var leaves []*leaf
	if b.typ.Kind == supergraph.Interface && len(selections) > 1 {
		w.markSelected(b, selections)
	}
	for _, sel := range deferLast(selections) {
		if w.budget < 0 {
			return nil, errTooLarge
		}
		var more []*leaf
		var err error
		switch sel := sel.(type) {
		case *operation.Field:
			more, err = w.selectField(b, sel)
		case *operation.InlineFragment:
			more, err = w.selectFragment(b, sel)
		}
		if err != nil {
			return nil, err
		}
		if leaves == nil {
			leaves = more
			continue
		}
		leaves = w.memory.leafLists.Append(leaves, more...)
	}
	return leaves, nil
}

// deferLast orders deferred fragments after all other selections, so that they
// can reuse paths found for those.
func deferLast(selections []operation.Selection) []operation.Selection {
	deferred := func(sel operation.Selection) bool {
		f, ok := sel.(*operation.InlineFragment)
		return ok && f.Defer != nil
	}
	if !slices.ContainsFunc(selections, deferred) {
		return selections
	}
	immediate := slices.DeleteFunc(slices.Clone(selections), deferred)
	return append(immediate, slices.DeleteFunc(slices.Clone(selections), func(sel operation.Selection) bool { return !deferred(sel) })...)
}

func (w *walker) selectField(b *branch, f *operation.Field) ([]*leaf, error) {
	switch {
	case f.Denied != nil, f.Name == "__schema", f.Name == "__type":
		return nil, nil
	case f.Name == "__typename":
		if b.position.parent == nil {
			return nil, nil
		}
		if l := w.typenameLeaf(b); l != nil {
			return w.memory.leafLists.Append(nil, l), nil
		}
		return nil, &unreachable{b, f}
	}
	if w.byType && b.typ.Kind == supergraph.Interface {
		if leaves, ok, err := w.fieldByType(b, f); ok || err != nil {
			return leaves, err
		}
	}
	leaves, err := w.fieldLeaves(b, f)
	if err == nil || b.typ.Kind != supergraph.Interface || errors.Is(err, errTooLarge) {
		return leaves, err
	}
	// No subgraph has the field for all objects of the interface: select it
	// type by type.
	expanded, reached, typeErr := w.selectByType(b, b.typ.Possible, []operation.Selection{f})
	if typeErr == nil && !reached {
		typeErr = err
	}
	if typeErr == nil {
		typeErr = w.oneSubgraphForAllTypes(b, f)
	}
	return expanded, typeErr
}

func (w *walker) selectFragment(b *branch, f *operation.InlineFragment) ([]*leaf, error) {
	if f.Defer != nil {
		if w.thorough { // deferred payloads may need keys by requests of an earlier one
			w.withJumps(b)
		}
		defer func(outer int, enclosing []int) { w.deferID, w.enclosing = outer, enclosing }(w.deferID, w.enclosing)
		w.enclosing = append(w.enclosing[:len(w.enclosing):len(w.enclosing)], w.deferID)
		w.deferID = f.Defer.ID
		b = w.fromEarlier(b)
	}
	condition := b.typ
	if f.TypeCondition != "" {
		condition = w.model.Type(f.TypeCondition)
	}
	if b.typ.Is(condition) {
		return w.walk(b, f.Selections)
	}
	leaves, reached, err := w.selectByType(b, condition.Possible, f.Selections)
	if err == nil && !reached && b.noEntityJumps {
		err = &unreachable{b: b}
	}
	return leaves, err
}

// fromEarlier returns a branch for what a deferred payload selects of the objects of one that an
// earlier payload selects. Requests for a single type can also find it themselves.
func (w *walker) fromEarlier(b *branch) *branch {
	later := branch{
		position: b.position, typ: b.typ, parent: b.parent, deferID: w.deferID,
		paths:              w.join(b.paths, b.jumps),
		fromEarlierPayload: true, anyType: b.anyType, commonMembers: b.commonMembers,
	}
	if w.thorough && b.wider != nil {
		wider := w.fromEarlier(b.wider)
		for _, e := range w.withJumps(wider)[len(wider.paths):] {
			if out := w.downcastFrom(e, wider, b.position); out != nil {
				later.paths = w.memory.edgeLists.Append(later.paths, out)
			}
		}
	}
	return w.memory.branches.Of(later)
}

// selectByType visits the selections for each of the object types that some
// subgraph returns at the branch, and reports whether there is one. It fails if
// no subgraph can tell the objects' types.
func (w *walker) selectByType(b *branch, types []*supergraph.Type, selections []operation.Selection) (leaves []*leaf, reached bool, err error) {
	if b.typ.Abstract() { // the response is projected by type
		l := w.typenameLeaf(b)
		if l == nil {
			return nil, false, &unreachable{b, &operation.Field{Name: "__typename", Alias: "__typename"}}
		}
		leaves = w.memory.leafLists.Append(leaves, l)
	}
	for _, o := range types {
		d := w.downcast(b, o)
		if d == nil {
			continue
		}
		reached = true
		more, err := w.walk(d, selections)
		if err != nil && (errors.Is(err, errTooLarge) || !b.excludes(o)) {
			return nil, true, err
		}
		if err == nil {
			leaves = w.memory.leafLists.Append(leaves, more...)
		}
	}
	return leaves, reached, nil
}

// excludes reports whether none of the objects of an abstract type is of the type
// o: a subgraph that returns them does not know it. All subgraphs that resolve a
// field return the same objects.
func (b *branch) excludes(o *supergraph.Type) bool {
	return slices.ContainsFunc(b.paths, func(e *edge) bool {
		return e.kind == fieldEdge && !has(e.typ.InSubgraph(e.subgraph).Possible, o)
	})
}

// downcast returns the branch of one object type; nil if no subgraph returns
// such objects there.
func (w *walker) downcast(b *branch, o *supergraph.Type) *branch {
	if b.typ == o {
		return b
	}
	w.budget--
	if d, ok := b.downcasts.get(o); ok {
		return d
	}
	if !has(b.typ.Possible, o) || b.commonMembers != nil && !has(b.commonMembers, o) {
		return nil
	}
	visited := w.deferID
	w.deferID = b.deferID // which a condition of a later payload may need
	d := w.makeDowncast(b, o)
	w.deferID = visited
	b.downcasts.put(&w.memory.downcasts, o, d)
	return d
}

// makeDowncast makes the branch of one object type. A thorough walk makes that of the earlier payload
// first, whose entity jumps this one may use.
func (w *walker) makeDowncast(b *branch, o *supergraph.Type) *branch {
	made := branch{position: b.position.downcast(o), typ: o, parent: b.parent, wider: b, noEntityJumps: b.noEntityJumps, anyType: b.anyType, fromEarlierPayload: b.fromEarlierPayload}
	if first := b.position.firstBranch; w.thorough && b.fromEarlierPayload && first != nil && first != b {
		w.downcast(first, o)
	}
	from := b.paths
	if !b.fromEarlierPayload || w.thorough {
		from = w.withJumps(b)
	}
	for _, e := range from {
		if out := w.downcastFrom(e, b, made.position); out != nil {
			made.paths = w.memory.edgeLists.Append(made.paths, out)
		}
	}
	if len(made.paths) == 0 {
		return nil
	}
	return w.register(made)
}

// typenameLeaf returns the leaf for the type names of the objects; nil if no
// subgraph can tell them.
func (w *walker) typenameLeaf(b *branch) *leaf {
	if b.typenameSought {
		return b.typename
	}
	b.typenameSought = true
	candidates := w.typenameEdges(b, b.paths)
	if len(candidates) == 0 || w.thorough && len(candidates) < len(b.paths) {
		candidates = w.typenameEdges(b, w.withJumps(b))
	}
	if len(candidates) > 0 {
		b.typename = w.newLeaf(candidates)
		b.typename.deferID = b.deferID
	}
	return b.typename
}

func (w *walker) typenameEdges(b *branch, paths []*edge) []*edge {
	var candidates []*edge
	for _, e := range paths {
		if out := w.typenameFrom(e, b.position); out != nil {
			candidates = w.memory.edgeLists.Append(candidates, out)
		}
	}
	return candidates
}
