package planner

import (
	"slices"

	"souk/router/operation"
	"souk/router/plan"
)

// deferRootFetches moves root fetches to a deferred payload if no earlier one
// needs them: if everything they select belongs to that payload, and so does
// every fetch that depends on them, and if another fetch already establishes
// which objects exist. Earlier payloads then do not wait for them.
func deferRootFetches(fetches []*fetch) {
	dependents := map[*fetch][]*fetch{}
	sources := map[*slot]int{} // how many root fetches tell whether an object exists
	for _, f := range fetches {
		for _, d := range f.dependsOn {
			dependents[d] = append(dependents[d], f)
		}
		if f.isQuery() {
			for s := range f.selection.objects(map[*slot]bool{}) {
				sources[s]++
			}
		}
	}
	for _, f := range fetches {
		if !f.isQuery() || f.deferID > 0 {
			continue
		}
		payloads := f.selection.payloads(map[int]bool{}, 0)
		for _, d := range dependents[f] {
			payloads[d.deferID] = true
		}
		if len(payloads) != 1 || payloads[0] {
			continue
		}
		objects := f.selection.objects(map[*slot]bool{})
		for deferID := range payloads {
			needed := false
			for s := range objects {
				needed = needed || s.deferID < deferID && sources[s] == 1
			}
			if needed {
				break
			}
			f.deferID = deferID
			for s := range objects {
				sources[s]--
			}
		}
	}
}

// defers reports whether a deferred fragment is among the selections or below them.
func defers(selections []operation.Selection) bool {
	return slices.ContainsFunc(selections, func(sel operation.Selection) bool {
		if f, ok := sel.(*operation.Field); ok {
			return defers(f.Selections)
		}
		f, ok := sel.(*operation.InlineFragment)
		return ok && (f.Defer != nil || defers(f.Selections))
	})
}

func (f *fetch) isQuery() bool { return f.kind == plan.RootFetch && f.operationKind == operation.Query }

// objects adds the slots of the objects that the client selects.
func (s *selectionSet) objects(to map[*slot]bool) map[*slot]bool {
	for _, f := range s.fields {
		if f.selection == nil {
			continue
		}
		if f.slot.responseKey != "" {
			to[f.slot] = true
		}
		f.selection.objects(to)
	}
	for _, f := range s.fragments {
		f.selection.objects(to)
	}
	return to
}

// payloads adds the payloads that the selected leaves belong to. Leaves that
// only keys and required fields use belong to the fetches that use them. The
// deferID is that of the field whose selection set this is.
func (s *selectionSet) payloads(to map[int]bool, deferID int) map[int]bool {
	if s.typename || len(s.fields)+len(s.fragments) == 0 {
		to[deferID] = true
	}
	for _, f := range s.fields {
		switch {
		case f.selection != nil:
			f.selection.payloads(to, f.slot.deferID)
		case f.slot.responseKey != "":
			to[f.slot.deferID] = true
		}
	}
	for _, f := range s.fragments {
		f.selection.payloads(to, deferID)
	}
	return to
}
