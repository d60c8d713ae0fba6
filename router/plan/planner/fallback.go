package planner

import (
	"slices"

	"souk/router/plan"
)

// A merged entity fetch requires the inputs of everything that was merged into
// it: where a field requires something that could not be fetched, the whole
// representation cannot be built, and fields that need the key alone would be
// lost with it. So a merged fetch is followed by a fallback fetch, which
// refetches, for entities that lacked an input, the fields that do not need it.
// It has nothing to send unless an input is missing.

// keepUnmerged saves both entity fetches as they are before merging, for a
// fallback fetch to be made of.
func (e *entityFetch) keepUnmerged(other *entityFetch) {
	if e.unmerged == nil {
		e.unmerged = []*entityFetch{e.clone()}
	}
	e.unmerged = append(e.unmerged, other.clone())
	e.inputs = slices.Clone(e.inputs)
	for _, f := range other.inputs {
		if !slices.Contains(e.inputs, f) {
			e.inputs = append(e.inputs, f)
		}
	}
	slices.SortFunc(e.inputs, byOrder)
}

// clone copies an entity fetch of objects of one type.
func (e *entityFetch) clone() *entityFetch {
	target := e.targets[0]
	target.Path = slices.Clone(target.Path)
	target.Representations = slices.Clone(target.Representations)
	return &entityFetch{
		key: e.key, inputs: e.inputs, contextArguments: e.contextArguments,
		targets:    []plan.Target{target},
		selections: []typedSelection{{e.selections[0].on, e.selections[0].selection.clone()}},
	}
}

// fallbacks returns the entity fetches to make for entities that lacked an input
// of the merged one.
func (e *entityFetch) fallbacks() []*entityFetch {
	var out []*entityFetch
	for _, before := range e.unmerged {
		if len(before.inputs) == len(e.inputs) {
			continue // it needs every input of the merged fetch
		}
		if !slices.ContainsFunc(out, func(to *entityFetch) bool {
			return slices.Equal(to.inputs, before.inputs) && to.mergeSameObjects(before)
		}) {
			out = append(out, before)
		}
	}
	return out
}

// addFallbacks adds a fallback fetch for each merged fetch that needs one, and
// makes it a dependency of the fetches that depend on the merged one.
func addFallbacks(fetches []*fetch) []*fetch {
	if !slices.ContainsFunc(fetches, func(f *fetch) bool {
		return slices.ContainsFunc(f.entities, func(e *entityFetch) bool { return e.unmerged != nil })
	}) {
		return fetches
	}
	fallbacks := map[*fetch]*fetch{}
	out := slices.Clone(fetches)
	for _, f := range fetches {
		fallback := &fetch{
			kind: f.kind, operationKind: f.operationKind, subgraph: f.subgraph, dependsOn: []*fetch{f},
			deferID: f.deferID, level: f.level, order: f.order, fallbackFor: f,
		}
		for _, e := range f.entities {
			fallback.entities = append(fallback.entities, e.fallbacks()...)
		}
		if fallback.entities != nil {
			fallbacks[f] = fallback
			out = append(out, fallback)
		}
	}
	for _, f := range fetches {
		for _, d := range f.dependsOn {
			if fallback := fallbacks[d]; fallback != nil {
				f.dependsOn = append(f.dependsOn, fallback)
			}
		}
	}
	return out
}
