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

// unwrap returns the selections of a fragment that is the whole selection set, as in a request for
// entities of one type.
func unwrap(selections plan.Selections) plan.Selections {
	for len(selections) == 1 {
		f, ok := selections[0].(*plan.InlineFragment)
		if !ok {
			break
		}
		selections = f.Selections
	}
	return selections
}

// flat returns a selection set with the fields of another one and of its fragments, which must not be
// changed.
func flat(selections plan.Selections) plan.Selections {
	if selections = unwrap(selections); isFlat(selections) {
		return selections
	}
	fields := selections.Flatten()
	out := make(plan.Selections, len(fields))
	for i, f := range fields {
		out[i] = f
	}
	return out
}
