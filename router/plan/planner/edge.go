package planner

import (
	"slices"

	"souk/router/operation"
	"souk/router/supergraph"
)

// An edge is the last edge of a path through the query graph: it arrives at
// an object, or a leaf, as one subgraph returns it. The rest of the path is the
// tail, or, for an edge that enters a subgraph, the paths to its conditions.
// Edges are shared: two paths that begin alike begin with the same edges, so
// together the paths form a directed acyclic graph.
//
// The query graph itself is never built. Its nodes are pairs of a type and a
// subgraph, and the supergraph model determines which edges leave a node.
//
// Only the walker creates edges. It never changes one once it is complete;
// what the chooser and the placer know of an edge they keep by its id.
type edge struct {
	id   int // counts from 0 within one planning
	kind edgeKind
	// tail is the path before this edge; nil for edges that enter a subgraph.
	tail *edge
	// conditions must be fetched before the edge can be followed: the key and
	// the required fields of a keyEdge, the type name for a downcast below an
	// @interfaceObject.
	conditions []*leaf
	subgraph   *supergraph.Subgraph
	// typ is the type arrived at, as the subgraph knows it.
	typ *supergraph.Type
	// position is where the object, or leaf, is stored.
	position *position
	// provided is what @provides lets the subgraph resolve below typ, beyond
	// the fields it always resolves.
	provided []operation.Selection
	// eventOnly is set if an event holds the object: then provided are all fields
	// that it has, and the subgraph resolves others only by an entity jump.
	eventOnly bool

	// untyped, unless nil, is the position of objects of all types that the subgraph returns here, for it
	// does not know that of those at position: see untyped.go.
	untyped *position

	// field and fieldIn are set for a fieldEdge: the field as the operation
	// selects it, and as the subgraph declares it.
	field   *operation.Field
	fieldIn *supergraph.FieldIn

	// key is the key a keyEdge sends, contexts the values of its arguments.
	key      *supergraph.Key
	contexts []*contextValue
	// onlyField, if set, is the one field that can be selected behind this
	// keyEdge: the edge sends what that field requires.
	onlyField *supergraph.FieldIn

	// deferID is the payload that a request made by this edge belongs to.
	deferID int

	// cost estimates the whole path on its own, and depth counts the requests on
	// it that wait for each other.
	cost, depth int

	// level is that of the request that a root or key edge makes, counted from 1 within
	// its part, if the search decided it; otherwise 0.
	level int

	// out and typename are the edges that have been created from here.
	out      table[*position, *edge] // by a field or a downcast
	typename *edge
}

type edgeKind uint8

const (
	rootEdge     edgeKind = iota // to a root type of a subgraph
	fieldEdge                    // from an object to one of its fields
	downcastEdge                 // from an abstract type to one of its object types
	typenameEdge                 // from an object to its __typename
	keyEdge                      // into a subgraph, by an entity's representation
)

// A leaf is something that has to be fetched, with the candidate paths to it.
// The chooser picks one of them.
type leaf struct {
	id         int // counts from 0 within one planning
	candidates []*edge
	// deferID is the payload it belongs to.
	deferID int
	// conditionOf is the edge that the leaf is a condition of, or nil.
	conditionOf *edge
}

// Costs are in units of one selected field. A request outweighs any selection,
// so that the chooser first of all saves requests.
const (
	requestCost = 1000
	// mergeableCost is the cost of an entity jump that can be merged with one
	// that has been chosen already.
	mergeableCost = 10
	fieldCost     = 1
)

// ownCost is the cost of the edge without the path before it, if nothing has
// been chosen yet.
func (e *edge) ownCost() int {
	switch e.kind {
	case rootEdge, keyEdge:
		return requestCost
	case fieldEdge:
		return fieldCost
	}
	return 0
}

// computeCost sets cost and depth from the path before the edge.
func (e *edge) computeCost() {
	e.cost = e.ownCost()
	if e.tail != nil {
		e.cost += e.tail.cost
		e.depth = e.tail.depth
	}
	for _, c := range e.conditions {
		c.conditionOf = e
		best := slices.MinFunc(c.candidates, byCost)
		e.cost += best.cost
		e.depth = max(e.depth, best.depth)
	}
	if e.kind == keyEdge {
		e.depth++
	}
}

func byCost(a, b *edge) int { return a.cost - b.cost }

// head is the edge of the request that the path continues.
func (e *edge) head() *edge {
	for e.tail != nil {
		e = e.tail
	}
	return e
}

// viaInterfaceObject reports whether the edge narrows an @interfaceObject to
// one type. The subgraph does not know that type, so it returns what is
// selected for objects of every type.
func (e *edge) viaInterfaceObject() bool {
	return e.kind == downcastEdge && e.typ.InSubgraph(e.subgraph).InterfaceObject
}

// newEdge completes an edge and adds it to its tail.
func (w *walker) newEdge(value edge) *edge {
	w.budget--
	e := w.memory.edges.Of(value)
	e.id = w.edges
	w.edges++
	e.computeCost()
	if e.kind == fieldEdge || e.kind == downcastEdge {
		e.tail.out.put(&w.memory.out, e.position, e)
	}
	return e
}

// newLeaf returns a leaf of the current payload.
func (w *walker) newLeaf(candidates []*edge) *leaf {
	l := w.memory.leaves.Of(leaf{id: w.leaves, candidates: candidates, deferID: w.deferID})
	w.leaves++
	return l
}

// fieldFrom follows a path to a field; nil if the subgraph cannot resolve it.
// A field of an interface can be followed if the subgraph resolves it on every
// object type that the interface may have.
func (w *walker) fieldFrom(e *edge, at *position, f *operation.Field) *edge {
	w.budget--
	in, provided, ok := w.resolves(e.typ, e, f.Name)
	if in == nil || e.onlyField != nil && in != e.onlyField {
		return nil
	}
	if tin := e.typ.InSubgraph(e.subgraph); e.typ.Kind == supergraph.Interface && !tin.InterfaceObject {
		var more []operation.Selection
		more, ok = w.resolvesForAllTypes(tin, e, f.Name)
		provided = append(provided[:len(provided):len(provided)], more...)
	}
	if !ok {
		return nil
	}
	child := w.childOf(at, f)
	if out, ok := e.out.get(child); ok {
		return out
	}
	return w.newEdge(edge{kind: fieldEdge, tail: e, subgraph: e.subgraph, typ: in.Named, position: child, untyped: e.untypedField(f), provided: provided, eventOnly: e.eventOnly || eventPayload(w.fieldOf(e.typ, f.Name)) != nil, field: f, fieldIn: in})
}

// childOf is the position of a field. Paths to the same objects are followed one after another,
// so that of the last field is kept.
func (w *walker) childOf(at *position, f *operation.Field) *position {
	if w.lastChild == nil || w.lastParent != at || w.lastSelected != f {
		w.lastParent, w.lastSelected, w.lastChild = at, f, at.field(at.slot.child(f))
	}
	return w.lastChild
}

// typenameFrom follows a path to __typename; nil for an @interfaceObject,
// whose subgraph does not know the object's type.
func (w *walker) typenameFrom(e *edge, at *position) *edge {
	if e.onlyField != nil || e.typ.InSubgraph(e.subgraph).InterfaceObject {
		return nil
	}
	if e.typename == nil {
		e.typename = w.newEdge(edge{kind: typenameEdge, tail: e, subgraph: e.subgraph, position: at})
	}
	return e.typename
}

// downcastFrom follows a path to the objects of one type, that of the position
// at; nil if the subgraph has none of them here.
func (w *walker) downcastFrom(e *edge, b *branch, at *position) *edge {
	var conditions []*leaf
	to := at.on
	switch tin := e.typ.InSubgraph(e.subgraph); {
	case e.onlyField != nil:
		return nil
	case e.typ == to:
		return e
	case !e.typ.Abstract() || !has(tin.Possible, to):
		return nil
	case tin.InterfaceObject:
		known := w.typenameLeaf(b)
		if known == nil {
			return nil
		}
		conditions, to = w.memory.leafLists.Append(nil, known), e.typ
	}
	// A payload must not wait for requests of later ones to know the type name.
	untyped := e.untyped
	switch {
	case untyped != nil && conditions == nil:
		untyped = untyped.downcast(to)
	case untyped == nil && conditions != nil:
		untyped = b.position
	}
	if out, ok := e.out.get(at); ok && (conditions == nil || out.conditions[0].deferID == w.deferID) {
		return out
	}
	return w.newEdge(edge{kind: downcastEdge, tail: e, conditions: conditions, subgraph: e.subgraph, typ: to, position: at, untyped: untyped, provided: e.provided, eventOnly: e.eventOnly})
}
