package merge

import (
	"slices"

	"souk/router/compose/internal/schema"
)

// mergeDescription takes the most frequent description, the first of those if there
// are several. An empty one counts only if there is no other.
func (m *merger) mergeDescription(all sources[*schema.Node], dest *schema.Node) {
	if !slices.ContainsFunc(all, func(s source[*schema.Node]) bool { return s.at.Described }) {
		return
	}
	counts := map[string]int{}
	best, different := "", 0
	for _, each := range all {
		if !each.at.Described {
			continue
		}
		dest.Described = true
		text := each.at.Description
		if text == "" {
			continue
		}
		if counts[text]++; counts[text] == 1 {
			different++
		}
	}
	for _, each := range all {
		if text := each.at.Description; each.at.Described && counts[text] > counts[best] {
			best = text
		}
	}
	dest.Description = best
	if different < 2 {
		return
	}
	_, at := spread[*schema.Node]{elements: all, value: func(n *schema.Node) string { return n.Description },
		skip: func(n *schema.Node) bool { return !n.Described }}.groups(m, best)
	groups, _ := spread[*schema.Node]{elements: all, value: func(n *schema.Node) string { return n.Description },
		skip: func(n *schema.Node) bool { return n.Description != best }}.groups(m, best)
	m.hint("INCONSISTENT_DESCRIPTION", dest, at, "The descriptions of %q differ between subgraphs. The supergraph has that of %s: %q.", dest.Coordinate(), groups[0], best)
}
