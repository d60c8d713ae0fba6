package router

import (
	"maps"
	"slices"

	"souk/router/console"
	"souk/router/dependency"
	"souk/router/gateway/config"
	"souk/router/internal/remote"
	"souk/router/subgraph"
)

// canaryState returns the state of the canary, for the console.
func (r *Router) canaryState() console.Canary {
	c := r.config.Canary
	out := console.Canary{
		Mode: c.Mode, Percent: c.Percent, By: c.By, Header: c.Header,
		Router: r.variantState(variantMain, r.config.Supergraph), Canary: r.canary.variantState(variantCanary, r.canary.config.Supergraph),
		SubgraphURLs: map[string][]string{},
	}
	for _, name := range slices.Sorted(maps.Keys(c.OverrideSubgraphURLs)) {
		for _, url := range c.OverrideSubgraphURLs[name] {
			out.SubgraphURLs[name] = append(out.SubgraphURLs[name], subgraph.URLLabel(url))
		}
	}
	if r.shadow != nil {
		out.Canary.Name = variantShadow
		for _, d := range r.shadow.Differences() {
			out.Differences = append(out.Differences, console.Difference{Time: d.Time.UTC(), Count: d.Count, Paths: d.Paths})
		}
	}
	return out
}

func (r *Router) variantState(name string, from config.Supergraph) console.Variant {
	v := console.Variant{Name: name, Source: from.File}
	switch {
	case r.options.Supergraph != "":
		v.Source = ""
	case from.Remote.Configured():
		v.Source = remote.Name(from.Remote.URL)
	}
	if s, ok := r.gateway.Supergraph(); ok {
		v.Supergraph, v.Loaded = s.ID, s.Loaded.UTC()
	}
	for _, d := range r.dependencies.Status() {
		if d.State == dependency.Down {
			v.Failing = append(v.Failing, string(d.Kind)+"/"+d.Name)
		}
	}
	return v
}
