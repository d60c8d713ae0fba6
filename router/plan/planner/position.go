package planner

import (
	"strings"

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
	fields    map[*slot]*position
	downcasts map[*supergraph.Type]*position
	// firstBranch is the first visit to a selection set here.
	firstBranch *branch
}

// field is the position of a field of the objects here.
func (p *position) field(s *slot) *position {
	child := p.fields[s]
	if child == nil {
		child = &position{slot: s, parent: p}
		if p.fields == nil {
			p.fields = map[*slot]*position{}
		}
		p.fields[s] = child
	}
	return child
}

// downcast is the position narrowed to objects of one type.
func (p *position) downcast(on *supergraph.Type) *position {
	if p.on == on {
		return p
	}
	narrowed := p.downcasts[on]
	if narrowed == nil {
		narrowed = &position{slot: p.slot, parent: p, on: on}
		if p.downcasts == nil {
			p.downcasts = map[*supergraph.Type]*position{}
		}
		p.downcasts[on] = narrowed
	}
	return narrowed
}

// path leads from the root to the objects here, by storage keys.
func (p *position) path() []plan.Segment {
	if p.parent == nil {
		return nil
	}
	path := p.parent.path()
	if p.on == nil {
		return append(path, plan.Segment{StorageKey: p.slot.storageKey()})
	}
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
