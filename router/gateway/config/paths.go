package config

import (
	"fmt"
	"slices"
	"strings"
)

// adminPaths are the paths of other endpoints of the admin port, and prefixes of such paths.
var adminPaths = []string{"/invalidation", "/debug", "/console"}

// restPaths is the prefix of REST routes.
const restPaths = "/api"

// An endpoint is a path, and the key that has it.
type endpoint struct{ key, path string }

// fixedEndpoints returns the endpoints besides GraphQL and the playground.
func (c *Config) fixedEndpoints() []endpoint {
	var endpoints []endpoint
	for i, path := range c.Health.LivenessPaths {
		endpoints = append(endpoints, endpoint{fmt.Sprintf("health_check.liveness_paths[%d]", i), path})
	}
	for i, path := range c.Health.ReadinessPaths {
		endpoints = append(endpoints, endpoint{fmt.Sprintf("health_check.readiness_paths[%d]", i), path})
	}
	endpoints = append(endpoints, endpoint{"telemetry.metrics_path", c.Telemetry.MetricsPath})
	if c.Subscriptions.UsesCallback() && c.Subscriptions.Callback.Listen == "" {
		endpoints = append(endpoints, endpoint{"subscriptions.callback.path", c.Subscriptions.Callback.Path})
	}
	if c.MCP.Enabled {
		endpoints = append(endpoints, endpoint{"mcp.path", c.MCP.Path})
	}
	return endpoints
}

// paths checks that no two endpoints have the same path. Those of the public and the admin
// port differ, too, so that one proxy can serve both.
func (c *Config) paths(k *checker) {
	endpoints := c.fixedEndpoints()
	endpoints = append(endpoints, endpoint{"path", c.Path}, endpoint{"playground.path", c.Playground.Path})
	taken := slices.Clone(adminPaths)
	for i, e := range endpoints {
		public := i >= len(endpoints)-2 // path and playground.path, which are compared below
		bare := strings.TrimSuffix(e.path, "/")
		switch {
		case slices.Contains(taken, bare), !public && slices.ContainsFunc(adminPaths, func(p string) bool { return strings.HasPrefix(bare, p+"/") }):
			k.fail(e.key, "%s is %q, which is the path of another endpoint of the router; choose another", e.key, e.path)
		case bare == restPaths || strings.HasPrefix(e.path, restPaths+"/"):
			k.fail(e.key, "%s is %q, but paths below %s/ are reserved for REST routes; choose another", e.key, e.path, restPaths)
		}
		if !public {
			taken = append(taken, bare)
		}
	}
	c.pattern(k)
	if (c.Playground.Enabled || c.Dev) && strings.TrimSuffix(c.Path, "/") == strings.TrimSuffix(c.Playground.Path, "/") &&
		!k.source.Unread("path", "playground", "dev") {
		key := "playground.path"
		if !k.source.Given(key) {
			key = "path"
		}
		k.fail(key, "path and playground.path are both %q; they must differ", c.Path)
	}
}

// pattern checks that a pattern of paths leaves other endpoints theirs.
func (c *Config) pattern(k *checker) {
	if !isEndpoint(c.Path) || !hasWildcard(c.Path) || k.source.Unread("path", "playground.path", "playground.enabled", "dev") {
		return
	}
	e := c.Endpoint()
	switch {
	case !e.matches(e.Path()):
		k.fail("path", "path is %q, but %s belongs to another endpoint of the router; choose another path or name", c.Path, e.Path())
	case (c.Playground.Enabled || c.Dev) && strings.TrimSuffix(c.Playground.Path, "/") == "":
		k.fail("playground.path", "playground.path is %q, and path is the pattern %q: the paths of the playground's files would be its; choose another playground.path, such as /playground", c.Playground.Path, c.Path)
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
