package planner

import (
	"slices"

	"souk/router/operation"
	"souk/router/supergraph"
)

// A subgraph that cannot return objects in a field is entered by an entity jump from them, and other subgraphs resolve
// the jump's key. That takes another request if those that may have the objects first lack a field of each key.

// maxEntered is how many subgraphs are looked at that may resolve the same.
const maxEntered = 3

// enter returns a level that a request for objects to one of some subgraphs has at least, none of which can resolve
// what is wanted in the request that resolves the objects. It adds what is needed before.
func (b *bounder) enter(at objects, by []*supergraph.Subgraph) int {
	if at.level == 0 || at.nested == maxNested || len(by) > maxEntered {
		return at.level + 1
	}
	if len(by) == 1 {
		if keys := b.keys(at, by[0]); len(keys) == 1 {
			return b.enterBy(at, keys[0], by[0])
		}
	}
	var before []*supergraph.Subgraph
	later := true
	for _, g := range by {
		keys := b.keys(at, g)
		if len(keys) == 0 {
			return at.level + 1
		}
		for _, k := range keys {
			from, lacking := b.keyFrom(at, k, g)
			if from == nil {
				return at.level + 1
			}
			before, later = b.memory.subgraphs.Append(before, from...), later && lacking
		}
	}
	o, level := laterRequest, at.level+2
	if !later {
		if level = at.level + 1; at.level == 1 || at.told {
			o = anyRequest
		}
	}
	b.needs.anyOf = b.memory.anyOf.Append(b.needs.anyOf, anyOf{before, o})
	return level
}

// An entered subgraph is one that objects are resolved in by its only key, at the earliest after a level.
type entered struct {
	set      int // the number of the selection set of the objects
	from     int // the level of the objects
	told     bool
	typ      *supergraph.Type
	subgraph *supergraph.Subgraph
	level    int
}

// enterBy is enter for a subgraph with a single key.
func (b *bounder) enterBy(at objects, k *supergraph.Key, g *supergraph.Subgraph) int {
	for _, e := range slices.Backward(b.entered) {
		if e.set == at.set && e.from == at.level && e.told == at.told && e.typ == at.typ && e.subgraph == g {
			return e.level
		}
	}
	from := at
	from.without = g
	e := entered{at.set, at.level, at.told, at.typ, g, max(at.level, b.required(from, k.Fields, g)) + 1}
	b.entered = b.memory.entered.Append(b.entered, e)
	return e.level
}

// keys returns the keys by which objects can be resolved in a subgraph; none if it may also return the objects itself.
func (b *bounder) keys(at objects, g *supergraph.Subgraph) (keys []*supergraph.Key) {
	if slices.Contains(at.all, g) {
		return nil
	}
	add := func(t *supergraph.Type) {
		if in := t.InSubgraph(g); in != nil {
			for _, k := range in.Keys {
				if k.Resolvable {
					keys = b.memory.keys.Append(keys, k)
				}
			}
		}
	}
	add(at.typ)
	for _, t := range at.typ.Interfaces {
		add(t)
	}
	return keys
}

// keyFrom returns the subgraphs that resolve a field of a key with which another one is entered, as few as possible,
// and whether those lack it that may have the objects first; nil if they are not known.
func (b *bounder) keyFrom(at objects, k *supergraph.Key, g *supergraph.Subgraph) (from []*supergraph.Subgraph, lacking bool) {
	at.without = g
	for _, sel := range k.Fields.Selections {
		f, ok := sel.(*operation.Field)
		if !ok {
			continue
		}
		def := at.typ.Field(f.Name)
		if def == nil {
			continue
		}
		_, by := b.resolve(at, def)
		lacks := by.known == nil
		if from == nil || lacks && !lacking || lacks == lacking && len(by.all) < len(from) {
			from, lacking = by.all, lacks
		}
	}
	return from, lacking
}

// narrow returns the objects of some that are of a type. If only subgraphs may have them first that do not know their
// types (@interfaceObject), another request tells those.
func (b *bounder) narrow(at objects, to *supergraph.Type) objects {
	from := at.typ
	at.typ, at.sure = to, narrow(at.sure, to)
	if at.level == 0 || from.Kind != supergraph.Interface || from.Is(to) || slices.ContainsFunc(at.in, func(g *supergraph.Subgraph) bool {
		in := from.InSubgraph(g)
		return in == nil || !in.InterfaceObject
	}) {
		return at
	}
	var tell []*supergraph.Subgraph
	at.level, at.in, at.told = at.level+1, nil, true
	for _, in := range from.In {
		if at.in = b.memory.subgraphs.Append(at.in, in.Subgraph); !in.InterfaceObject {
			tell = b.memory.subgraphs.Append(tell, in.Subgraph)
		}
	}
	for _, i := range from.Interfaces {
		for _, in := range i.In {
			at.in = b.memory.subgraphs.Append(at.in, in.Subgraph)
		}
	}
	b.levels = max(b.levels, at.level)
	b.needs.anyOf = b.memory.anyOf.Append(b.needs.anyOf, anyOf{tell, laterRequest})
	return at
}
