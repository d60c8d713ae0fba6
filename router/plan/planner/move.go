package planner

import (
	"slices"

	"souk/router/operation"
	"souk/router/supergraph"
)

// A move is one step of a way to get at data: it stands on an object (or
// leaf) as one subgraph gives it. Moves form a graph without cycles: each
// comes from one other, or, where it enters a subgraph, from the goals that
// must be reached first. Equal moves are one, so that ways share what they
// have in common.
type move struct {
	kind  moveKind
	from  *move   // of field, narrow and typename
	needs []*goal // of enter, and of narrow below an @interfaceObject
	graph *supergraph.Graph
	// typ is the type stood on, as the subgraph knows it.
	typ *supergraph.Type
	// at is where the object, or leaf, is stored.
	at *spot
	// provided is what @provides adds to what the subgraph resolves here.
	provided []operation.Selection

	// Of a field: how it is asked for, and what the subgraph knows of it.
	field *operation.Field
	in    *supergraph.FieldIn

	// Of an enter: the key and requirements that are sent, and the arguments.
	key      *supergraph.Key
	contexts []*contextValue
	// only, unless nil, is the one field that may be had by this enter, the
	// one whose requirements or arguments it sends.
	only *supergraph.FieldIn

	// part is the part of the answer that a request is made for.
	part int

	// cost estimates the way's cost alone, depth is the number of requests
	// that have to follow each other.
	cost, depth int
	next        map[*spot]*move // fields and narrow moves
	name        *move           // the typename move

	taken bool
	price int // in the chooser's present round
	round int

	placed *placement
}

type moveKind uint8

const (
	root     moveKind = iota // start at a root type of a subgraph
	field                    // from an object to one of its fields
	narrow                   // from an abstract type to one of its object types
	typename                 // from an object to its __typename
	enter                    // into a subgraph, by an entity's representation
)

// A goal is something the operation needs, with the moves that each reach it.
type goal struct {
	ways []*move
	// part is the part of the answer it belongs to.
	part   int
	chosen *move
}

// The costs of moves: a request counts for more than any selection.
const (
	requestCost = 1000
	joinCost    = 10 // a request that can become part of another one
	fieldCost   = 1
)

func (m *move) own() int {
	switch m.kind {
	case root:
		return requestCost
	case enter:
		if m.at.entered[lane{graph: m.graph, part: m.part}] {
			return joinCost
		}
		return requestCost
	case field:
		return fieldCost
	}
	return 0
}

// settle computes what is known of a move once it is complete.
func (m *move) settle() *move {
	m.cost = m.own()
	if m.from != nil {
		m.cost += m.from.cost
		m.depth = m.from.depth
	}
	for _, n := range m.needs {
		best := n.ways[0]
		for _, w := range n.ways {
			if w.cost < best.cost {
				best = w
			}
		}
		m.cost += best.cost
		m.depth = max(m.depth, best.depth)
	}
	if m.kind == enter {
		m.depth++
	}
	return m
}

// loose says that the subgraph, taking an @interfaceObject for the type, will
// give what is selected for all objects, not for those of one type only. That
// is good for keys; anything else might fail for objects that nobody asked
// about.
func (m *move) loose() bool {
	return m.kind == narrow && m.typ.InGraph(m.graph).InterfaceObject
}

// isKey says whether a field is part of a key in the subgraph.
func (m *move) isKey(f *operation.Field) bool {
	return slices.ContainsFunc(m.typ.InGraph(m.graph).Keys, func(k *supergraph.Key) bool {
		return slices.ContainsFunc(k.Fields.Selections, func(sel operation.Selection) bool {
			in, ok := sel.(*operation.Field)
			return ok && in.Name == f.Name
		})
	})
}

// resolves finds out whether a subgraph can resolve a field of a type by
// itself, given what is provided: it gives the field there and what is
// provided below it.
func (w *walker) resolves(t *supergraph.Type, m *move, name string) (in *supergraph.FieldIn, below []operation.Selection, ok bool) {
	f := t.Field(name)
	if f == nil {
		return nil, nil, false
	}
	if in = f.InGraph(m.graph); in == nil {
		return nil, nil, false
	}
	if in.Provides != nil {
		below = in.Provides.Selections
	}
	if inner, provided := providedField(m.provided, t, name); provided {
		return in, append(below[:len(below):len(below)], inner...), true
	}
	if !in.Resolves(w.labels) || (in.Requires != nil || in.Contexts != nil) && m.only != in {
		return nil, nil, false
	}
	return in, below, true
}

// resolvesForAll says whether a subgraph can resolve an interface's field for
// objects of all its types.
func (w *walker) resolvesForAll(tin *supergraph.TypeIn, m *move, name string) bool {
	alike := m.provided == nil && m.only == nil
	key := interfaceField{tin, name}
	if ok, known := w.forAll[key]; known && alike {
		return ok
	}
	ok := true
	for _, o := range tin.Possible {
		w.left--
		_, _, can := w.resolves(o, m, name)
		ok = ok && can
	}
	if alike {
		w.forAll[key] = ok
	}
	return ok
}

// providedField looks a field up in what is provided for objects of a type.
func providedField(provided []operation.Selection, t *supergraph.Type, name string) (below []operation.Selection, ok bool) {
	for _, sel := range provided {
		switch sel := sel.(type) {
		case *operation.Field:
			if sel.Name == name {
				below, ok = append(below, sel.Selections...), true
			}
		case *operation.InlineFragment:
			if !named(t, sel.TypeCondition) {
				continue
			}
			if inner, found := providedField(sel.Selections, t, name); found {
				below, ok = append(below, inner...), true
			}
		}
	}
	return below, ok
}

// named says whether every object of a type is one of the named type.
func named(t *supergraph.Type, condition string) bool {
	if t.Name == condition {
		return true
	}
	for _, i := range t.Interfaces {
		if i.Name == condition {
			return true
		}
	}
	return false
}

// fieldMove goes from where m stands to a field; nil if the subgraph cannot.
// On an interface it can if it can on all object types it may stand on.
func (w *walker) fieldMove(m *move, at *spot, f *operation.Field) *move {
	w.left--
	in, below, ok := w.resolves(m.typ, m, f.Name)
	if in == nil || m.only != nil && in != m.only {
		return nil
	}
	if tin := m.typ.InGraph(m.graph); m.typ.Kind == supergraph.Interface && !tin.InterfaceObject {
		ok = w.resolvesForAll(tin, m, f.Name)
	}
	if !ok {
		return nil
	}
	c := at.field(at.slot.child(f))
	if n := m.next[c]; n != nil {
		return n
	}
	return w.add(&move{kind: field, from: m, graph: m.graph, typ: in.Named, at: c, provided: below, field: f, in: in})
}

// typenameMove asks an object's type; nil where the subgraph takes an
// @interfaceObject for the type.
func (w *walker) typenameMove(m *move, at *spot) *move {
	if m.only != nil || m.typ.InGraph(m.graph).InterfaceObject {
		return nil
	}
	if m.name == nil {
		m.name = w.add(&move{kind: typename, from: m, graph: m.graph, at: at})
	}
	return m.name
}

// narrowMove goes on with the objects of one type only; nil if the subgraph
// has none of them here.
func (w *walker) narrowMove(m *move, s *stand, at *spot) *move {
	o := at.on
	switch tin := m.typ.InGraph(m.graph); {
	case m.only != nil:
		return nil
	case m.typ == o:
		return m
	case !m.typ.Abstract() || !has(tin.Possible, o):
		return nil
	case tin.InterfaceObject:
		known := w.typename(s)
		if known == nil {
			return nil
		}
		if n := m.next[at]; n != nil {
			return n
		}
		return w.add(&move{kind: narrow, from: m, needs: []*goal{known}, graph: m.graph, typ: m.typ, at: at, provided: m.provided})
	}
	if n := m.next[at]; n != nil {
		return n
	}
	return w.add(&move{kind: narrow, from: m, graph: m.graph, typ: o, at: at, provided: m.provided})
}
