package planner

import (
	"souk/router/operation"
	"souk/router/plan"
)

// postpone gives root fetches to a later part of the answer when nothing of an
// earlier one needs them: when all that they select belongs to that part, and
// so do the steps that come after them, and when others tell which objects
// there are. Nobody waits for them then before that part.
func postpone(steps []*step) {
	next := map[*step][]*step{}
	selecting := map[*slot]int{} // how many root fetches tell of objects
	for _, s := range steps {
		for _, a := range s.after {
			next[a] = append(next[a], s)
		}
		if s.isQuery() {
			for c := range s.sel.objects(map[*slot]bool{}) {
				selecting[c]++
			}
		}
	}
	for _, s := range steps {
		if !s.isQuery() || s.part > 0 {
			continue
		}
		parts := s.sel.leaves(map[int]bool{}, 0)
		for _, later := range next[s] {
			parts[later.part] = true
		}
		objects := s.sel.objects(map[*slot]bool{})
		for part := range parts {
			needed := part == 0 || len(parts) > 1
			for c := range objects {
				needed = needed || c.part < part && selecting[c] == 1
			}
			if needed {
				break
			}
			s.part = part
			for c := range objects {
				selecting[c]--
			}
		}
	}
}

func (s *step) isQuery() bool { return s.kind == plan.Fetch && s.op == operation.Query }

// objects adds the places of the objects that the client is told of.
func (s *selection) objects(to map[*slot]bool) map[*slot]bool {
	for _, f := range s.fields {
		if f.sel == nil {
			continue
		}
		if f.slot.alias != "" {
			to[f.slot] = true
		}
		f.sel.objects(to)
	}
	for _, f := range s.fragments {
		f.sel.objects(to)
	}
	return to
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
