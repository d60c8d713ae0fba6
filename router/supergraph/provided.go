package supergraph

import (
	"slices"

	"souk/router/operation"
)

// Provided looks for a field among the selections of @provides that apply to objects of the type, and
// returns what is provided below it.
func (t *Type) Provided(selections []operation.Selection, field string) (below []operation.Selection, ok bool) {
	for _, sel := range selections {
		switch sel := sel.(type) {
		case *operation.Field:
			if sel.Name == field {
				below, ok = append(below, sel.Selections...), true
			}
		case *operation.InlineFragment:
			if !t.isA(sel.TypeCondition) {
				continue
			}
			if inner, found := t.Provided(sel.Selections, field); found {
				below, ok = append(below, inner...), true
			}
		}
	}
	return below, ok
}

// isA reports whether the type or one of its interfaces has a name.
func (t *Type) isA(name string) bool {
	return t.Name == name || slices.ContainsFunc(t.Interfaces, func(i *Type) bool { return i.Name == name })
}
