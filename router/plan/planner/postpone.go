package planner

import (
	"souk/router/operation"
	"souk/router/plan"
)

// postpone gives root fetches to a later part of the answer when nothing of an
// earlier one needs them: when all that they select belongs to that part, and
// so do the steps that come after them. Nobody waits for them then before that
// part.
func postpone(steps []*step) {
	next := map[*step][]*step{}
	for _, s := range steps {
		for _, a := range s.after {
			next[a] = append(next[a], s)
		}
	}
	for _, s := range steps {
		if s.kind != plan.Fetch || s.op != operation.Query || s.part > 0 {
			continue
		}
		parts := s.sel.leaves(map[int]bool{}, 0)
		for _, later := range next[s] {
			parts[later.part] = true
		}
		if len(parts) == 1 {
			for part := range parts {
				s.part = part
			}
		}
	}
}

// leaves adds the parts of the answer that the selected leaves belong to. What
// only keys and requirements use belongs to the steps that use it. The part is
// that of the field that the selection is of.
func (s *selection) leaves(to map[int]bool, of int) map[int]bool {
	if s.typename || len(s.fields)+len(s.fragments) == 0 {
		to[of] = true
	}
	for _, f := range s.fields {
		switch {
		case f.sel != nil:
			f.sel.leaves(to, f.slot.part)
		case f.slot.alias != "":
			to[f.slot.part] = true
		}
	}
	for _, f := range s.fragments {
		f.sel.leaves(to, of)
	}
	return to
}
