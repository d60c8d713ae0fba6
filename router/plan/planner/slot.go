package planner

import (
	"fmt"
	"slices"
	"strings"

	"souk/router/operation"
	"souk/router/plan"
	"souk/router/supergraph"
)

// A slot is a place in the tree of stored objects: the value of one field
// with one set of arguments. All objects along a path share their slots,
// whatever their types are, so that a storage key never has two meanings.
type slot struct {
	parent *slot
	// alias is the client's response key, empty where only keys and
	// requirements use the slot.
	alias     string
	name      string
	arguments string
	key       string // given by storageKey
	// part is the first part of the answer (0, or the ID of a @defer) that a
	// client's selection of it belongs to.
	part int
	// index has the children by their names, and the first that holds a value
	// also without its alias.
	index map[slotName]*slot
	// owners are the children that have a storage key, or will have it for
	// being the first whom a client calls so.
	owners map[string]*slot
}

type slotName struct{ alias, name, arguments string }

// register adds the slots of a client's selections.
func (s *slot) register(selections []operation.Selection, part int) {
	for _, sel := range selections {
		switch sel := sel.(type) {
		case *operation.Field:
			if sel.Name == "__typename" || sel.Denied != nil {
				continue
			}
			c := s.index[slotName{sel.Alias, sel.Name, argumentText(sel.Arguments)}]
			if c == nil {
				c = s.add(sel.Alias, sel)
				c.part = part
			}
			c.part = min(c.part, part)
			c.register(sel.Selections, part)
		case *operation.InlineFragment:
			s.register(sel.Selections, partOf(sel, part))
		}
	}
}

// partOf is the part of the answer that a fragment's selections belong to.
func partOf(f *operation.InlineFragment, outer int) int {
	if f.Defer != nil {
		return f.Defer.ID
	}
	return outer
}

// child gives the slot of a field: the client's own, or for an internal need
// any that holds the same value, or else a new one.
func (s *slot) child(f *operation.Field) *slot {
	arguments := argumentText(f.Arguments)
	if c := s.index[slotName{f.Alias, f.Name, arguments}]; c != nil {
		return c
	}
	if c := s.index[slotName{"", f.Name, arguments}]; c != nil {
		return c
	}
	return s.add("", f)
}

func (s *slot) add(alias string, f *operation.Field) *slot {
	c := &slot{parent: s, alias: alias, name: f.Name, arguments: argumentText(f.Arguments)}
	if s.index == nil {
		s.index, s.owners = map[slotName]*slot{}, map[string]*slot{}
	}
	if alias != "" && s.owners[alias] == nil {
		s.owners[alias] = c
	}
	s.index[slotName{alias, c.name, c.arguments}] = c
	if value := (slotName{"", c.name, c.arguments}); s.index[value] == nil {
		s.index[value] = c
	}
	return c
}

// storageKey names the slot when it is first used: as the client does, or by
// the field's name, unless that stands for something else among its siblings.
func (s *slot) storageKey() string {
	if s.key != "" {
		return s.key
	}
	wanted := s.alias
	if wanted == "" {
		wanted = s.name
	}
	for i := 0; wanted == "__typename" || s.parent.owners[wanted] != nil && s.parent.owners[wanted] != s; i++ {
		wanted = fmt.Sprintf("_i%d", i)
	}
	s.key = wanted
	s.parent.owners[wanted] = s
	return s.key
}

// argumentText tells arguments apart; their order does not matter.
func argumentText(arguments []operation.Argument) string {
	if len(arguments) == 0 {
		return ""
	}
	parts := make([]string, len(arguments))
	for i, a := range arguments {
		parts[i] = a.Name + ": " + a.Value
	}
	slices.Sort(parts)
	return "(" + strings.Join(parts, ", ") + ")"
}

// A spot is a slot as seen from objects of certain types: where in the
// operation a selection set stands.
type spot struct {
	slot *slot
	// parent is the spot of the object whose field this is, or the wider spot
	// that this narrows to objects of the type on.
	parent *spot
	on     *supergraph.Type
	fields map[*slot]*spot
	narrow map[*supergraph.Type]*spot
	// first is the stand of the first part of the answer that selects here.
	first *stand
	// entered are the requests that taken moves make at this spot.
	entered map[lane]bool
}

// field is the spot of one of the object's fields.
func (s *spot) field(c *slot) *spot {
	in := s.fields[c]
	if in == nil {
		in = &spot{slot: c, parent: s}
		if s.fields == nil {
			s.fields = map[*slot]*spot{}
		}
		s.fields[c] = in
	}
	return in
}

// narrowed is the spot of the objects of one type.
func (s *spot) narrowed(on *supergraph.Type) *spot {
	if s.on == on {
		return s
	}
	in := s.narrow[on]
	if in == nil {
		in = &spot{slot: s.slot, parent: s, on: on}
		if s.narrow == nil {
			s.narrow = map[*supergraph.Type]*spot{}
		}
		s.narrow[on] = in
	}
	return in
}

// path leads from the root to the spot's objects.
func (s *spot) path() []plan.Segment {
	if s.parent == nil {
		return nil
	}
	path := s.parent.path()
	if s.on == nil {
		return append(path, plan.Segment{Key: s.slot.storageKey()})
	}
	if len(path) > 0 {
		path[len(path)-1].Types = []string{s.on.Name}
	}
	return path
}

// responsePath is the path as an error has it.
func (s *spot) responsePath() string {
	var keys []string
	for ; s.parent != nil; s = s.parent {
		if s.on == nil {
			keys = append([]string{s.slot.storageKey()}, keys...)
		}
	}
	return strings.Join(keys, ".")
}
