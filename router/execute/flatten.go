package execute

import (
	"slices"

	"souk/router/plan"
)

// isFlat reports whether a selection set has few fields, no fragments, and no response key twice, as
// nearly all have.
func isFlat(selections plan.Selections) bool {
	if len(selections) > fewFields {
		return false
	}
	for i, sel := range selections {
		f, ok := sel.(*plan.SelectedField)
		if !ok || slices.ContainsFunc(selections[:i], func(other plan.Selection) bool {
			return other.(*plan.SelectedField).ResponseKey == f.ResponseKey
		}) {
			return false
		}
	}
	return true
}

// flatten returns the fields of a selection set and of its fragments, which must not be changed.
func flatten(selections plan.Selections) []*plan.SelectedField {
	if !isFlat(selections) {
		return selections.Flatten()
	}
	fields := make([]*plan.SelectedField, len(selections))
	for i, sel := range selections {
		fields[i] = sel.(*plan.SelectedField)
	}
	return fields
}
