package execute

import (
	"crypto/sha256"
	"slices"

	"souk/router/plan"
)

// entitySelection describes what an entity fetch selects, for the cache.
func entitySelection(f *plan.Fetch, e *plan.EntityFetch) *CacheSelection {
	selection := &CacheSelection{
		Subgraph: f.Subgraph, Selections: e.Selections.Clone(), Key: cacheKey(f.Subgraph, e.Selections.GraphQL()),
	}
	for _, t := range e.Targets {
		for _, r := range t.Representations {
			if !slices.Contains(selection.Types, r.Typename) {
				selection.Types = append(selection.Types, r.Typename)
			}
		}
	}
	return selection
}

// rootSelection describes what a root fetch selects, for the cache.
func rootSelection(f *plan.Fetch) *CacheSelection {
	selection := &CacheSelection{Subgraph: f.Subgraph, Selections: f.Selections.Clone(), Key: cacheKey(f.Subgraph, f.Query)}
	for _, sel := range f.Selections {
		if field, ok := sel.(*plan.SelectedField); ok {
			selection.Root = append(selection.Root, field.Name)
		}
	}
	return selection
}

func cacheKey(subgraph, selection string) [16]byte {
	sum := sha256.Sum256([]byte(subgraph + "\x00" + selection))
	return [16]byte(sum[:])
}
