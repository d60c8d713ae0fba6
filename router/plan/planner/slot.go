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
	// key is the storage key once storageKey has assigned it.
	key string
	// deferID is the earliest payload whose selections include the slot: 0 for
	// the initial one, or the ID of a @defer.
	deferID int
	// index has the children by all their parts and, for the first child with
	// some field and arguments, also without the response key.
	index map[slotKey]*slot
	// keyOwners are the children by storage key: those that have it, and those
	// that will because they are the first that a client calls so.
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
			c := s.index[slotKey{sel.Alias, sel.Name, argumentText(sel.Arguments)}]
			if c == nil {
				c = s.add(sel.Alias, sel)
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
	arguments := argumentText(f.Arguments)
	if c := s.index[slotKey{f.Alias, f.Name, arguments}]; c != nil {
		return c
	}
	if c := s.index[slotKey{"", f.Name, arguments}]; c != nil {
		return c
	}
	return s.add("", f)
}

func (s *slot) add(responseKey string, f *operation.Field) *slot {
	c := &slot{parent: s, responseKey: responseKey, field: f.Name, arguments: argumentText(f.Arguments)}
	if s.index == nil {
		s.index, s.keyOwners = map[slotKey]*slot{}, map[string]*slot{}
	}
	if responseKey != "" && s.keyOwners[responseKey] == nil {
		s.keyOwners[responseKey] = c
	}
	s.index[slotKey{responseKey, c.field, c.arguments}] = c
	if value := (slotKey{"", c.field, c.arguments}); s.index[value] == nil {
		s.index[value] = c
	}
	return c
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
	for i := 0; wanted == "__typename" || s.parent.keyOwners[wanted] != nil && s.parent.keyOwners[wanted] != s; i++ {
		wanted = fmt.Sprintf("_i%d", i)
	}
	s.key = wanted
	s.parent.keyOwners[wanted] = s
	return s.key
}

// argumentText is equal for equal arguments, whatever their order.
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
