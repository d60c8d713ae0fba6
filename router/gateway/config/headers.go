package config

import (
	"fmt"
	"maps"
	"slices"

	"souk/router/subgraph"
)

// problem says which rule cannot be applied, "" for none.
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

// problem says which client is not known, "" for none.
func (t TrafficShaping) problem() string {
	for _, name := range slices.Sorted(maps.Keys(t.Subgraphs)) {
		if c := t.Of(name).HTTPClient; c != "direct" && c != "standard" {
			return fmt.Sprintf("traffic_shaping.subgraphs.%s.http_client is %q; it should be one of direct, standard", name, c)
		}
	}
	return ""
}
