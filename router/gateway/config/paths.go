package config

import (
	"slices"
	"strings"
)

// reserved lists the paths of the router's own endpoints on the public and the
// admin port. They are reserved even if the endpoint is disabled.
var reserved = []string{"/health", "/healthz", "/readiness", "/readyz", "/metrics", "/invalidation"}

// restPaths is the prefix of REST routes.
const restPaths = "/api"

// paths checks that the paths of the GraphQL endpoint and the playground conflict
// neither with other endpoints nor with each other.
func (c *Config) paths(k *checker) {
	for key, path := range map[string]string{"path": c.Path, "playground.path": c.Playground.Path} {
		switch bare := strings.TrimSuffix(path, "/"); {
		case slices.Contains(reserved, bare):
			k.fail(key, "%s is %q, which is the path of another endpoint of the router; choose another", key, path)
		case bare == restPaths || strings.HasPrefix(path, restPaths+"/"):
			k.fail(key, "%s is %q, but paths below %s/ are reserved for REST routes; choose another", key, path, restPaths)
		}
	}
	if (c.Playground.Enabled || c.Dev) && strings.TrimSuffix(c.Path, "/") == strings.TrimSuffix(c.Playground.Path, "/") &&
		!k.source.Unread("path", "playground", "dev") {
		key := "playground.path"
		if !k.source.Given(key) {
			key = "path"
		}
		k.fail(key, "path and playground.path are both %q; they must differ", c.Path)
	}
}

// cachedForAll rejects type and field names under response_cache.subgraph.all:
// they only make sense for one subgraph.
func (c *Config) cachedForAll(k *checker) {
	const all = "response_cache.subgraph.all."
	s := c.ResponseCache.Subgraph.All
	for key, names := range map[string][]string{"types": s.Types, "root": s.Root, "shared_types": s.SharedTypes, "shared_root": s.SharedRoot} {
		if len(names) > 0 {
			k.fail(all+key, "%s cannot be set for all subgraphs; list types and fields for each subgraph under response_cache.subgraph.subgraphs", all+key)
		}
	}
}
