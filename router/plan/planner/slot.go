package planner

import (
	"fmt"
	"slices"
	"strings"

	"souk/router/operation"
)

// A slot is a storage slot: the place of one field, with one set of arguments,
// in the tree of stored objects. All objects at a response position share
// their slots, whatever their types, so that a storage key never has two
// meanings there.
type slot struct {
	parent *slot
	// responseKey is the client's; empty where only keys and required fields
	// use the slot.
	responseKey string
	field       string
	arguments   string
	// made is the selection that the slot was made for.
	made *operation.Field
	// key is the storage key once storageKey has assigned it.
	key string
	// deferID is the earliest payload whose selections include the slot: 0 for
	// the initial one, or the ID of a @defer.
	deferID int
	// children are the slots of the fields of the objects stored here. Many of them have an index.
	children []*slot
	index    *slotIndex
	memory   *scratch
}

// A slotIndex finds the children of a slot.
type slotIndex struct {
	// byParts has the children by all their parts and, for the first child with
	// some field and arguments, also without the response key.
	byParts map[slotKey]*slot
	// keyOwners are the children by storage key: see slot.owner.
	keyOwners map[string]*slot
}

type slotKey struct{ responseKey, field, arguments string }

// register adds the slots of a client's selections.
func (s *slot) register(selections []operation.Selection, deferID int) {
	for _, sel := range selections {
		switch sel := sel.(type) {
		case *operation.Field:
			if sel.Name == "__typename" || sel.Denied != nil {
				continue
			}
			arguments := argumentText(sel.Arguments)
			c := s.find(sel.Alias, sel.Name, arguments)
			if c == nil {
				c = s.add(sel.Alias, sel, arguments)
				c.deferID = deferID
			}
			c.deferID = min(c.deferID, deferID)
			c.register(sel.Selections, deferID)
		case *operation.InlineFragment:
			s.register(sel.Selections, deferIDOf(sel, deferID))
		}
	}
}

// deferIDOf is the payload that a fragment's selections belong to.
func deferIDOf(f *operation.InlineFragment, enclosing int) int {
	if f.Defer != nil {
		return f.Defer.ID
	}
	return enclosing
}

// child returns the slot of a field. For a field of a key or a requirement, any
// slot with the same value will do, so that it is not fetched twice.
func (s *slot) child(f *operation.Field) *slot {
	if s.index == nil {
		for _, c := range s.children {
			if c.made == f {
				return c
			}
		}
	}
	arguments := argumentText(f.Arguments)
	if c := s.find(f.Alias, f.Name, arguments); c != nil {
		return c
	}
	if c := s.find("", f.Name, arguments); c != nil {
		return c
	}
	return s.add("", f, arguments)
}

// has reports whether there is a child for a field.
func (s *slot) has(field string) bool {
	return slices.ContainsFunc(s.children, func(c *slot) bool { return c.field == field })
}

// find returns the child with these parts or, without a response key, the first one with the field
// and the arguments; nil if there is none.
func (s *slot) find(responseKey, field, arguments string) *slot {
	if s.index != nil {
		return s.index.byParts[slotKey{responseKey, field, arguments}]
	}
	for _, c := range s.children {
		if (responseKey == "" || c.responseKey == responseKey) && c.field == field && c.arguments == arguments {
			return c
		}
	}
	return nil
}

// owner returns the child that has a storage key, or that will because it is the first one that a
// client calls so; nil if there is none.
func (s *slot) owner(storageKey string) (first *slot) {
	if s.index != nil {
		return s.index.keyOwners[storageKey]
	}
	for _, c := range s.children {
		if c.key == storageKey {
			return c
		}
		if first == nil && c.responseKey == storageKey {
			first = c
		}
	}
	return first
}

func (s *slot) add(responseKey string, f *operation.Field, arguments string) *slot {
	c := s.memory.slots.Of(slot{parent: s, responseKey: responseKey, field: f.Name, arguments: arguments, made: f, memory: s.memory})
	s.children = s.memory.slotLists.Append(s.children, c)
	switch {
	case s.index != nil:
		s.index.add(c)
	case len(s.children) > maxEntries:
		s.index = &slotIndex{map[slotKey]*slot{}, map[string]*slot{}}
		for _, c := range s.children {
			if c.key != "" {
				s.index.keyOwners[c.key] = c
			}
		}
		for _, c := range s.children {
			s.index.add(c)
		}
	}
	return c
}

func (x *slotIndex) add(c *slot) {
	if c.responseKey != "" && x.keyOwners[c.responseKey] == nil {
		x.keyOwners[c.responseKey] = c
	}
	x.byParts[slotKey{c.responseKey, c.field, c.arguments}] = c
	if value := (slotKey{"", c.field, c.arguments}); x.byParts[value] == nil {
		x.byParts[value] = c
	}
}

// storageKey assigns the slot's key when it is first used: the client's
// response key or the field's name, unless a sibling has that key. Internal
// keys are _i0, _i1 and so on.
func (s *slot) storageKey() string {
	if s.key != "" {
		return s.key
	}
	wanted := s.responseKey
	if wanted == "" {
		wanted = s.field
	}
	for i := 0; wanted == "__typename" || s.parent.isTaken(wanted, s); i++ {
		wanted = fmt.Sprintf("_i%d", i)
	}
	s.key = wanted
	if s.parent.index != nil {
		s.parent.index.keyOwners[wanted] = s
	}
	return s.key
}

// isTaken reports whether a storage key belongs to another child than c.
func (s *slot) isTaken(storageKey string, c *slot) bool {
	owner := s.owner(storageKey)
	return owner != nil && owner != c
}

// argumentText is equal for equal arguments, whatever their order.
func argumentText(arguments []operation.Argument) string {
	if len(arguments) == 0 {
		return ""
	}
	if len(arguments) == 1 {
		return "(" + arguments[0].Name + ": " + arguments[0].Value + ")"
	}
	parts := make([]string, len(arguments))
	for i, a := range arguments {
		parts[i] = a.Name + ": " + a.Value
	}
	slices.Sort(parts)
	return "(" + strings.Join(parts, ", ") + ")"
}
