package planner

import (
	"slices"

	"souk/router/plan"
)

// deferEntityFetches moves entity fetches to a deferred payload if no earlier one needs
// them: if everything they select belongs to that payload, and so does every fetch that
// depends on them, if another fetch establishes which objects exist, and if the initial
// payload does not wait for a request to the subgraph anyway. Each key is still a fetch
// of its own.
func deferEntityFetches(fetches []*fetch) {
	later := map[*fetch]int{} // the payloads of those to move
	for _, f := range fetches {
		if f.kind != plan.EntitiesFetch || f.deferID > 0 {
			continue
		}
		payloads := map[int]bool{}
		for _, e := range f.entities {
			for _, s := range e.selections {
				s.selection.payloads(payloads, 0)
			}
		}
		for deferID := range payloads {
			if len(payloads) == 1 && deferID > 0 {
				later[f] = deferID
			}
		}
	}
	for changed := true; changed; {
		changed = false
		for _, f := range fetches {
			if deferID, ok := later[f]; ok && neededEarlier(f, deferID, fetches, later) {
				delete(later, f)
				changed = true
			}
		}
	}
	for f, deferID := range later {
		f.deferID = deferID
	}
}

// neededEarlier reports whether a payload before one needs an entity fetch, if others are
// moved to later ones.
func neededEarlier(f *fetch, deferID int, fetches []*fetch, later map[*fetch]int) bool {
	known := map[*slot]bool{}
	for _, other := range fetches {
		in := max(other.deferID, later[other])
		if in != deferID && (slices.Contains(other.dependsOn, f) || in == 0 && other.kind == plan.EntitiesFetch && other.subgraph == f.subgraph) {
			return true
		}
		if in == 0 && other.selection != nil {
			other.selection.ofAllTypes(known)
		}
	}
	objects := map[*slot]bool{}
	for _, e := range f.entities {
		for _, s := range e.selections {
			s.selection.objects(objects)
		}
	}
	for s := range objects {
		if s.deferID < deferID && !known[s] {
			return true
		}
	}
	return false
}

// ofAllTypes adds the slots of the objects that are selected for all types of those
// around them.
func (s *selectionSet) ofAllTypes(to map[*slot]bool) {
	for _, f := range s.fields {
		if f.selection != nil {
			to[f.slot] = true
			f.selection.ofAllTypes(to)
		}
	}
}
