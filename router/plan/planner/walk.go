package planner

import (
	"errors"
	"slices"

	"souk/router/operation"
	"souk/router/supergraph"
)

// A walker goes through an operation and finds, for everything it selects,
// the ways it can be had.
type walker struct {
	model  *supergraph.Model
	labels func(string) bool
	// part is the part of the answer that is walked through: 0, or the ID of
	// a @defer.
	part int
	// around are the parts that it stands in.
	around []int
	// left is how many more moves may be looked at.
	left int
	// entering are the keys and requirements being looked at, further out,
	// so that none needs itself.
	entering map[entrance]bool
	// forAll remembers which fields of interfaces a subgraph resolves for all
	// objects by itself.
	forAll map[interfaceField]bool
	// into is the subgraph whose key or requirement is looked at innermost.
	into *supergraph.Graph
}

// An interfaceField is a field of an interface as a subgraph knows it.
type interfaceField struct {
	typ  *supergraph.TypeIn
	name string
}

// A stand is a place in the operation: the objects at a spot, of a static
// type, with the moves that stand on them.
type stand struct {
	at  *spot
	typ *supergraph.Type
	// above is the stand of the objects whose field this is; nil at the root.
	above *stand
	// moves that come from the parent; each has the objects, or for an
	// abstract type those that its subgraph knows.
	moves []*move
	// entered are those that enter further subgraphs from here, once looked
	// for. They are not looked for where closed is set: there, the stand is
	// looked at from one of them.
	entered []*move
	open    bool
	closed  bool
	// deferred says that the moves were made for an earlier part of the
	// answer than what is selected here. That part shall not wait for more.
	deferred bool
	// part is the part of the answer that it was made for.
	part int
	// common, unless nil, are the only members of a union that may be
	// selected.
	common   []*supergraph.Type
	branches map[*supergraph.Type]*stand
	name     *goal
	named    bool
}

// stand completes a stand: where a part of the answer that this one stands in
// selects at the same spot, what it enters there can be gone on from. Parts
// beside this one may come later.
func (w *walker) stand(s *stand) *stand {
	s.part = w.part
	switch {
	case s.deferred && s.at.first != nil && s.at.first.part != w.part && !slices.Contains(w.around, s.at.first.part):
	case s.deferred && s.at.first != nil:
		s.moves = append(s.moves[:len(s.moves):len(s.moves)], s.at.first.entered...)
	case s.at.first == nil && len(w.entering) == 0:
		s.at.first = s
	}
	return s
}

// add completes a move and hangs it on the one it comes from.
func (w *walker) add(m *move) *move {
	w.left--
	m.settle()
	if m.kind == field || m.kind == narrow {
		if m.from.next == nil {
			m.from.next = map[*spot]*move{}
		}
		m.from.next[m.at] = m
	}
	return m
}

// walk finds the ways to all selections; the error is *unreachable or
// errTooLarge.
func (w *walker) walk(s *stand, selections []operation.Selection) ([]*goal, error) {
	var goals []*goal
	for _, sel := range deferLast(selections) {
		if w.left < 0 {
			return nil, errTooLarge
		}
		var more []*goal
		var err error
		switch sel := sel.(type) {
		case *operation.Field:
			more, err = w.selectField(s, sel)
		case *operation.InlineFragment:
			more, err = w.selectFragment(s, sel)
		}
		if err != nil {
			return nil, err
		}
		goals = append(goals, more...)
	}
	return goals, nil
}

// deferLast puts deferred fragments after all else, whose moves they share.
func deferLast(selections []operation.Selection) []operation.Selection {
	deferred := func(sel operation.Selection) bool {
		f, ok := sel.(*operation.InlineFragment)
		return ok && f.Defer != nil
	}
	if !slices.ContainsFunc(selections, deferred) {
		return selections
	}
	rest := slices.DeleteFunc(slices.Clone(selections), deferred)
	return append(rest, slices.DeleteFunc(slices.Clone(selections), func(sel operation.Selection) bool { return !deferred(sel) })...)
}

func (w *walker) selectField(s *stand, f *operation.Field) ([]*goal, error) {
	switch {
	case f.Denied != nil, f.Name == "__schema", f.Name == "__type":
		return nil, nil
	case f.Name == "__typename":
		if s.at.parent == nil {
			return nil, nil
		}
		if g := w.typename(s); g != nil {
			return []*goal{g}, nil
		}
		return nil, &unreachable{s, f}
	}
	goals, err := w.field(s, f)
	if err == nil || s.typ.Kind != supergraph.Interface || errors.Is(err, errTooLarge) {
		return goals, err
	}
	// No subgraph has the field for all objects of the interface: ask for it
	// type by type.
	expanded, reached, typeErr := w.expand(s, s.typ.Possible, []operation.Selection{f})
	if typeErr == nil && !reached {
		typeErr = err
	}
	if typeErr == nil {
		typeErr = w.whole(s, f)
	}
	return expanded, typeErr
}

// whole finds, of the subgraphs that give the objects of an interface, one
// from which a field can be had whatever their type; the error is *unreachable
// when there is none. A value would otherwise be put together from several
// subgraphs although none of them can tell what another has returned.
func (w *walker) whole(s *stand, f *operation.Field) (err error) {
	byGraph := map[*supergraph.Graph][]*move{}
	var graphs []*supergraph.Graph
	for _, m := range s.moves {
		if byGraph[m.graph] == nil {
			graphs = append(graphs, m.graph)
		}
		byGraph[m.graph] = append(byGraph[m.graph], m)
	}
	if len(graphs) < 2 || s.deferred {
		return nil
	}
	for _, g := range graphs {
		alone := &stand{at: s.at, typ: s.typ, above: s.above, moves: byGraph[g], closed: s.closed}
		if err = w.forAllTypes(alone, f); err == nil {
			return nil
		}
	}
	return err
}

func (w *walker) forAllTypes(s *stand, f *operation.Field) error {
	for _, o := range s.typ.Possible {
		b := w.branch(s, o)
		if b == nil {
			continue
		}
		if ways, _ := w.ways(b, f, o.Field(f.Name)); len(ways) == 0 {
			return &unreachable{b, f}
		}
	}
	return nil
}

func (w *walker) selectFragment(s *stand, f *operation.InlineFragment) ([]*goal, error) {
	if f.Defer != nil {
		defer func(outer int, around []int) { w.part, w.around = outer, around }(w.part, w.around)
		w.around = append(w.around[:len(w.around):len(w.around)], w.part)
		w.part = f.Defer.ID
		s = &stand{at: s.at, typ: s.typ, above: s.above, moves: append(s.moves[:len(s.moves):len(s.moves)], s.entered...), deferred: true, common: s.common}
	}
	condition := s.typ
	if f.TypeCondition != "" {
		condition = w.model.Type(f.TypeCondition)
	}
	if s.typ.Is(condition) {
		return w.walk(s, f.Selections)
	}
	goals, reached, err := w.expand(s, condition.Possible, f.Selections)
	if err == nil && !reached && s.closed {
		err = &unreachable{s: s}
	}
	return goals, err
}

// expand selects on each of the object types that is possible at the stand,
// and says whether there is one. Types that no subgraph gives there are passed
// over.
func (w *walker) expand(s *stand, types []*supergraph.Type, selections []operation.Selection) (goals []*goal, reached bool, err error) {
	if s.typ.Abstract() { // the answer tells types apart
		if g := w.typename(s); g != nil {
			goals = append(goals, g)
		}
	}
	for _, o := range types {
		b := w.branch(s, o)
		if b == nil {
			continue
		}
		reached = true
		more, err := w.walk(b, selections)
		if err != nil {
			return nil, true, err
		}
		goals = append(goals, more...)
	}
	return goals, reached, nil
}

// branch narrows a stand to one object type; nil when no subgraph gives it.
func (w *walker) branch(s *stand, o *supergraph.Type) *stand {
	if s.typ == o {
		return s
	}
	w.left--
	if b, ok := s.branches[o]; ok {
		return b
	}
	if !has(s.typ.Possible, o) || s.common != nil && !has(s.common, o) {
		return nil
	}
	b := &stand{at: s.at.narrowed(o), typ: o, above: s.above, closed: s.closed, deferred: s.deferred}
	from := s.moves
	if !s.deferred {
		from = w.all(s)
	}
	for _, m := range from {
		if n := w.narrowMove(m, s, b.at); n != nil {
			b.moves = append(b.moves, n)
		}
	}
	if len(b.moves) == 0 {
		b = nil
	} else {
		b = w.stand(b)
	}
	if s.branches == nil {
		s.branches = map[*supergraph.Type]*stand{}
	}
	s.branches[o] = b
	return b
}

// typename finds the ways to know the types of the objects; nil if none.
func (w *walker) typename(s *stand) *goal {
	if s.named {
		return s.name
	}
	s.named = true
	var ways []*move
	for _, m := range s.moves {
		if n := w.typenameMove(m, s.at); n != nil {
			ways = append(ways, n)
		}
	}
	if len(ways) == 0 {
		for _, m := range w.all(s) {
			if n := w.typenameMove(m, s.at); n != nil {
				ways = append(ways, n)
			}
		}
	}
	if len(ways) > 0 {
		s.name = &goal{ways: ways, part: w.part}
	}
	return s.name
}

// field finds the ways to a field and to all below it.
func (w *walker) field(s *stand, f *operation.Field) ([]*goal, error) {
	def := s.typ.Field(f.Name)
	if def == nil {
		return nil, &unreachable{s, f}
	}
	if len(w.entering) > 0 {
		// What keys are made of is mostly where the rest of them is.
		if ways := w.fieldMoves(s, s.moves, f, false); len(ways) > 0 {
			if goals, err := w.below(s, ways, def, f, false); err == nil || s.closed {
				return goals, err
			}
		}
	}
	ways, deferred := w.ways(s, f, def)
	if len(ways) == 0 {
		return nil, &unreachable{s, f}
	}
	return w.below(s, ways, def, f, deferred)
}

// below finds the ways to all that is selected below a field, given those to
// the field.
func (w *walker) below(s *stand, ways []*move, def *supergraph.Field, f *operation.Field, deferred bool) ([]*goal, error) {
	if !def.Named.Composite() {
		return []*goal{{ways: ways, part: w.part}}, nil
	}
	child := w.stand(&stand{at: ways[0].at, typ: def.Named, above: s, moves: cheapest(ways), deferred: deferred})
	if def.Named.Kind == supergraph.Union {
		child.common = commonMembers(child.moves)
	}
	goals, err := w.walk(child, f.Selections)
	if err == nil && w.into != nil && tellsTypes(def, w.into) {
		name := w.typename(child)
		if name == nil {
			return nil, &unreachable{child, &operation.Field{Name: "__typename", Alias: "__typename"}}
		}
		goals = append(goals, name)
	}
	if err == nil && len(goals) == 0 {
		goals = []*goal{{ways: child.moves, part: w.part}}
	}
	return goals, err
}

// ways finds the moves to a field, and says whether they are made for an
// earlier part of the answer.
func (w *walker) ways(s *stand, f *operation.Field, def *supergraph.Field) (ways []*move, deferred bool) {
	if s.deferred {
		if s.at.slot.child(f).part < w.part { // the earlier part has it, too
			if ways = w.fieldMoves(s, s.moves, f, false); len(ways) > 0 {
				return ways, true
			}
		}
		if ways = w.fieldMoves(s, w.all(s)[len(s.moves):], f, false); len(ways) > 0 {
			return ways, false
		}
	}
	ways = w.fieldMoves(s, s.moves, f, false)
	if len(ways) == 0 || def.Named.Composite() || least(ways) >= least(s.moves)+requestCost {
		ways = w.fieldMoves(s, w.all(s), f, false)
	}
	if len(ways) == 0 && !s.closed {
		ways = w.fieldMoves(s, s.moves, f, true)
	}
	return ways, false
}

func (w *walker) fieldMoves(s *stand, from []*move, f *operation.Field, loosely bool) []*move {
	var ways []*move
	for _, m := range from {
		if m.loose() && !loosely && !m.isKey(f) {
			continue
		}
		if n := w.fieldMove(m, s.at, f); n != nil {
			ways = append(ways, n)
		}
	}
	return ways
}

// least is the cost of the cheapest of some ways.
func least(ways []*move) int {
	return slices.MinFunc(ways, func(a, b *move) int { return a.cost - b.cost }).cost
}

// cheapest keeps, of the ways into each subgraph, the two that cost least.
func cheapest(ways []*move) []*move {
	kept := slices.Clone(ways)
	slices.SortStableFunc(kept, func(a, b *move) int { return a.cost - b.cost })
	count := map[*supergraph.Graph]int{}
	return slices.DeleteFunc(kept, func(m *move) bool {
		count[m.graph]++
		return count[m.graph] > 2
	})
}

// commonMembers are the members of a union that all subgraphs know which
// could give it; nil, for no limit, when it is but one. Any of them may be
// asked, so a client cannot tell which members of the others it will see.
func commonMembers(ways []*move) []*supergraph.Type {
	common := ways[0].typ.InGraph(ways[0].graph).Possible
	several := false
	for _, m := range ways[1:] {
		if m.graph == ways[0].graph {
			continue
		}
		several = true
		common = shared(common, m.typ.InGraph(m.graph).Possible)
	}
	if !several {
		return nil
	}
	return common
}
