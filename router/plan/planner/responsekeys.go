package planner

import (
	"fmt"
	"strings"

	"souk/router/supergraph"
)

// assignResponseKeys assigns the response keys of the fields in a selection set. Without fragments,
// they have a storage key each.
func (s *selectionSet) assignResponseKeys() {
	if len(s.fragments) > 0 {
		assignResponseKeys([]*selectionSet{s})
		return
	}
	for _, f := range s.fields {
		f.responseKey = f.slot.storageKey()
	}
	for _, f := range s.fields {
		if f.selection != nil {
			f.selection.assignResponseKeys()
		}
	}
}

// assignResponseKeys assigns the response keys of the fields in the selection
// sets at one response position. That is the storage key, except for fields that
// share a storage key but whose types must not share a response key (GraphQL,
// section 5.3.2, SameResponseShape): all but the first get an alias such as
// _1_name.
func assignResponseKeys(selections []*selectionSet) {
	var flat []*selectedField
	var flatten func(s *selectionSet)
	flatten = func(s *selectionSet) {
		flat = append(flat, s.fields...)
		for _, f := range s.fragments {
			flatten(f.selection)
		}
	}
	for _, s := range selections {
		flatten(s)
	}
	var keys []string
	same := map[string][]*selectedField{}
	for _, f := range flat {
		storageKey := f.slot.storageKey()
		responseKey := storageKey
		for i := 1; len(same[responseKey]) > 0 && (same[responseKey][0].slot.storageKey() != storageKey || !sameShape(same[responseKey][0].fieldIn, f.fieldIn)); i++ {
			responseKey = fmt.Sprintf("_%d_%s", i, storageKey)
		}
		if len(same[responseKey]) == 0 {
			keys = append(keys, responseKey)
		}
		same[responseKey] = append(same[responseKey], f)
		f.responseKey = responseKey
	}
	for _, responseKey := range keys {
		var below []*selectionSet
		for _, f := range same[responseKey] {
			if f.selection != nil {
				below = append(below, f.selection)
			}
		}
		if below != nil {
			assignResponseKeys(below)
		}
	}
}

// sameShape reports whether two fields may share a response key on objects of
// different types, without regard to what is selected below them.
func sameShape(a, b *supergraph.FieldIn) bool {
	if a.Named.Composite() != b.Named.Composite() {
		return false
	}
	if !a.Named.Composite() {
		return a.Type == b.Type
	}
	return strings.Replace(a.Type, a.Named.Name, "", 1) == strings.Replace(b.Type, b.Named.Name, "", 1)
}
