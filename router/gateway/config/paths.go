package config

import (
	"slices"
	"strings"
)

// reserved are paths that the router serves itself on the public or the admin
// port, whether or not they are enabled.
var reserved = []string{"/health", "/healthz", "/readiness", "/readyz", "/metrics", "/invalidation"}

// restPaths begins the paths of REST routes.
const restPaths = "/api"

// paths finds paths of the GraphQL endpoint and of the playground that are
// taken by something else, or by each other.
func (c *Config) paths(source *Source) Errors {
	var found Errors
	for key, path := range map[string]string{"path": c.Path, "playground.path": c.Playground.Path} {
		switch bare := strings.TrimSuffix(path, "/"); {
		case slices.Contains(reserved, bare):
			found = append(found, source.Problem(key, "%s is %q, which the router serves itself; choose another", key, path))
		case bare == restPaths || strings.HasPrefix(path, restPaths+"/"):
			found = append(found, source.Problem(key, "%s is %q, but paths below %s/ are those of REST routes; choose another", key, path, restPaths))
		}
	}
	if (c.Playground.Enabled || c.Dev) && strings.TrimSuffix(c.Path, "/") == strings.TrimSuffix(c.Playground.Path, "/") {
		key := "playground.path"
		if !source.Given(key) {
			key = "path"
		}
		found = append(found, source.Problem(key, "path and playground.path are both %q; they must differ", c.Path))
	}
	return found
}

// cachedForAll finds names under response_cache.subgraph.all: types and fields
// are those of one subgraph.
func (c *Config) cachedForAll(source *Source) Errors {
	var found Errors
	const all = "response_cache.subgraph.all."
	s := c.ResponseCache.Subgraph.All
	for key, names := range map[string][]string{"types": s.Types, "root": s.Root, "shared_types": s.SharedTypes, "shared_root": s.SharedRoot} {
		if len(names) > 0 {
			found = append(found, source.Problem(all+key, "%s cannot be given for all subgraphs; name types and fields for each, under response_cache.subgraph.subgraphs", all+key))
		}
	}
	return found
}
