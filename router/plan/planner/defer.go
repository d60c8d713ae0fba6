package planner

import (
	"slices"

	"souk/router/operation"
	"souk/router/plan"
)

// deferFetches moves fetches to a deferred payload if no other one needs them, as far as the search has
// not decided that. Earlier payloads then do not wait for them. An entity fetch is left where it is if the
// initial payload waits for a request to the subgraph anyway, which may be the same. Each key is still a
// fetch of its own.
func deferFetches(fetches []*fetch) {
	later := map[*fetch]int{} // the payloads of those to move
	for _, f := range slices.Backward(fetches) {
		for _, d := range f.dependsOn {
			for _, deferID := range f.neededFor {
				d.need(deferID)
			}
		}
		if f.deferID == 0 && (f.isQuery() || f.kind == plan.EntitiesFetch) && len(f.neededFor) == 1 && f.neededFor[0] > 0 {
			later[f] = f.neededFor[0]
		}
	}
	for changed := true; changed; {
		changed = false
		for _, f := range fetches {
			if deferID, ok := later[f]; ok && isNeededEarlier(f, deferID, fetches, later) {
				delete(later, f)
				changed = true
			}
		}
	}
	for f, deferID := range later {
		f.deferID = deferID
	}
}

// isNeededEarlier reports whether a fetch must not move to a payload, if others move.
func isNeededEarlier(f *fetch, deferID int, fetches []*fetch, later map[*fetch]int) bool {
	return slices.ContainsFunc(fetches, func(other *fetch) bool {
		in := max(other.deferID, later[other])
		return in != deferID && slices.Contains(other.dependsOn, f) ||
			in == 0 && f.kind == plan.EntitiesFetch && other.kind == plan.EntitiesFetch && other.subgraph == f.subgraph
	})
}

// need notes that a payload needs a fetch.
func (f *fetch) need(deferID int) {
	if !slices.Contains(f.neededFor, deferID) {
		f.neededFor = append(f.neededFor, deferID)
	}
}

func (f *fetch) isQuery() bool { return f.kind == plan.RootFetch && f.operationKind == operation.Query }

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
