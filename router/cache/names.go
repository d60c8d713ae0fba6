package cache

import (
	"fmt"
	"slices"
	"strings"

	"souk/router/supergraph"
)

// unknown returns the error for a configured name that the supergraph does not define.
func unknown(what, name, subgraph string, known []string) error {
	in := "the supergraph"
	if subgraph != "" {
		in = "subgraph " + subgraph
	}
	if len(known) == 0 {
		return fmt.Errorf("entity cache: %s has no %[2]s %[3]s and no other %[2]s", in, what, name)
	}
	slices.Sort(known)
	return fmt.Errorf("entity cache: %s has no %s %s; it has %s", in, what, name, strings.Join(known, ", "))
}

func graphNames(m *supergraph.Model) (names []string) {
	for _, g := range m.Subgraphs {
		names = append(names, g.Name)
	}
	return names
}

func entityNames(m *supergraph.Model, g *supergraph.Subgraph) (names []string) {
	for _, t := range m.Types() {
		if in := t.InSubgraph(g); in != nil && len(in.Keys) > 0 {
			names = append(names, t.Name)
		}
	}
	return names
}

func rootNames(m *supergraph.Model, g *supergraph.Subgraph) (names []string) {
	if m.Query == nil {
		return nil
	}
	for _, f := range m.Query.Fields {
		if f.InSubgraph(g) != nil {
			names = append(names, f.Name)
		}
	}
	return names
}
