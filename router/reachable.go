package router

import (
	"fmt"
	"slices"

	"souk/router/eventsource"
	"souk/router/gateway/config"
	"souk/router/subgraph"
	"souk/router/supergraph"
)

// Unreachable returns a problem for each subgraph of a supergraph whose URL the router refuses
// when it starts, unless it is in m.Unserved, and for event streams that the configured brokers cannot feed.
func Unreachable(c *config.Config, m *supergraph.Model, source *config.Source) config.Errors {
	var problems config.Errors
	for _, g := range m.Subgraphs {
		unserved := slices.ContainsFunc(m.Unserved, func(u supergraph.Unserved) bool { return u.Fatal && u.Subgraph == g.Name })
		if g.EventsOnly || unserved {
			continue
		}
		if err := subgraph.CheckAddress(c.OverrideSubgraphURLs.Of(g.Name, g.URL)); err != nil {
			path := ""
			if len(c.OverrideSubgraphURLs[g.Name]) > 0 {
				path = "override_subgraph_urls." + g.Name
			}
			problems = append(problems, problemAt(source, path, fmt.Sprintf("subgraph %q: %v; correct it in the supergraph, or set override_subgraph_urls.%s", g.Name, err, g.Name)))
		}
	}
	kinds := map[string]string{}
	for name, p := range c.EventSources.Providers {
		kinds[name] = p.Kind
	}
	if err := eventsource.Check(m, kinds); err != nil {
		problems = append(problems, problemAt(source, "", fmt.Sprintf("event streams of the supergraph: %v", err)))
	}
	return problems
}

// problemAt returns a problem with the place of a key, or without a place if the key is empty.
func problemAt(source *config.Source, key, message string) *config.Error {
	if key == "" {
		return &config.Error{Message: message}
	}
	return source.Problem(key, "%s", message)
}
