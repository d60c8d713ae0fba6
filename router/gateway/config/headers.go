package config

import (
	"fmt"
	"maps"
	"slices"

	"souk/router/subgraph"
)

// problem describes the first invalid rule. It returns "" if there is none.
func (h Headers) problem() string {
	if p := h.All.problem("headers.all"); p != "" {
		return p
	}
	for _, name := range slices.Sorted(maps.Keys(h.Subgraphs)) {
		if p := h.Subgraphs[name].problem("headers.subgraphs." + name); p != "" {
			return p
		}
	}
	return ""
}

func (r HeaderRules) problem(key string) string {
	for i, name := range r.Propagate {
		if err := subgraph.CheckPropagated(name); err != nil {
			return fmt.Sprintf("%s.propagate[%d]: the header %q cannot be propagated: %v", key, i, name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Set)) {
		if err := subgraph.CheckSet(name, r.Set[name]); err != nil {
			return fmt.Sprintf("%s.set.%s: this header cannot be set: %v", key, name, err)
		}
	}
	return ""
}
