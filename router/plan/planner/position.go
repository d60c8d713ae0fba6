package planner

import (
	"strings"

	"souk/router/operation"
	"souk/router/plan"
	"souk/router/supergraph"
)

// A position is a response position: a slot, seen from objects of certain
// types. The fields a and b of { node { a ... on Book { b } } } are at the
// slot of node, but at two positions: node, and node narrowed to Book.
type position struct {
	slot *slot
	// parent is the position of the object whose field this is or, if on is
	// set, the wider position that this one narrows to objects of the type on.
	parent    *position
	on        *supergraph.Type
	fields    table[*slot, *position]
	downcasts table[*supergraph.Type, *position]
	// exploredIn are the deferred payloads with entity jumps from here.
	exploredIn []int
	// firstBranch is the first visit to a selection set here.
	firstBranch *branch
	// selected is the client's field that selects what is here, and selectedIn is the earliest
	// payload that does. Objects have it if there are deferred payloads, or a subgraph with an
	// @interfaceObject.
	selected   *operation.Field
	selectedIn int
}

// field is the position of a field of the objects here.
func (p *position) field(s *slot) *position {
	child, ok := p.fields.get(s)
	if !ok {
		child = s.memory.positions.Of(position{slot: s, parent: p})
		p.fields.put(&s.memory.fields, s, child)
	}
	return child
}

// downcast is the position narrowed to objects of one type.
func (p *position) downcast(on *supergraph.Type) *position {
	if p.on == on {
		return p
	}
	narrowed, ok := p.downcasts.get(on)
	if !ok {
		memory := p.slot.memory
		narrowed = memory.positions.Of(position{slot: p.slot, parent: p, on: on})
		p.downcasts.put(&memory.narrowed, on, narrowed)
	}
	return narrowed
}

// path leads from the root to the objects here, by storage keys.
func (p *position) path(o *output) []plan.Segment {
	return p.appendPath(o, 0)
}

// appendPath is path with room for so many more segments.
func (p *position) appendPath(o *output, more int) []plan.Segment {
	if p.parent == nil {
		if more == 0 {
			return nil
		}
		return makeList(o, &o.segments, more)[:0]
	}
	if p.on == nil {
		return append(p.parent.appendPath(o, more+1), plan.Segment{StorageKey: p.slot.storageKey()})
	}
	path := p.parent.appendPath(o, more)
	if len(path) > 0 {
		path[len(path)-1].Types = []string{p.on.Name}
	}
	return path
}

// responsePath is the path as errors write it.
func (p *position) responsePath() string {
	var keys []string
	for ; p.parent != nil; p = p.parent {
		if p.on == nil {
			keys = append([]string{p.slot.storageKey()}, keys...)
		}
	}
	return strings.Join(keys, ".")
}
