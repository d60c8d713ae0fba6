package convert

import (
	"slices"
	"strings"
)

// responseCache converts the caches of Apollo Router: preview_entity_cache and response_cache
// have the same form.
func responseCache(c *conversion, n *node, _ []string) {
	for _, child := range n.children {
		switch child.key {
		case "enabled":
			c.copy(child, plain, "response_cache", "enabled")
		case "subgraph":
			c.cacheScope(child.get("all"), "all")
			c.set(child, "true", "response_cache", "subgraph", "all", "response_tags")
			if named := child.get("subgraphs"); named != nil {
				for _, s := range named.children {
					c.cacheScope(s, "subgraphs", s.key)
				}
			}
			c.others(child, "see response_cache.subgraph in docs/router.yaml", "all", "subgraphs")
		case "invalidation":
			c.note(child, None, "", "invalidation is on the admin port (response_cache.invalidation.token); it takes the kinds cache_tag and type")
		default:
			c.note(child, None, "", "see response_cache in docs/router.yaml")
		}
	}
	c.note(n, Changed, "response_cache.subgraph.subgraphs.NAME.types", "only the entity types and root fields that response_cache.subgraph.subgraphs.NAME.types and response_cache.subgraph.subgraphs.NAME.root list are cached: list them for each subgraph")
}

func (c *conversion) cacheScope(n *node, scope ...string) {
	if n == nil {
		return
	}
	path := append([]string{"response_cache", "subgraph"}, scope...)
	for _, child := range n.children {
		switch child.key {
		case "enabled":
			c.copy(child, plain, append(slices.Clone(path), "enabled")...)
		case "ttl":
			c.copy(child, duration, append(slices.Clone(path), "ttl")...)
		case "private_id":
			if _, ok := child.scalar(); ok {
				c.set(child, "true", append(slices.Clone(path), "private")...)
				if child.text() == apolloClaims {
					c.note(child, Changed, "response_cache.subgraph.*.private", "private entries belong to the subject of the token, which has them after the token was renewed, too; Apollo Router keeps them apart by all claims")
					continue
				}
				c.set(child, c.quote(child.text()), append(slices.Clone(path), "private_by_context")...)
			}
		case "redis":
			c.redis(child, "response_cache", "redis")
		case "invalidation":
			c.copy(child.get("shared_key"), asText, "response_cache", "invalidation", "token")
			c.others(child, "the invalidation API is on the admin port if response_cache.invalidation.token is set", "shared_key")
		default:
			c.note(child, None, "", "see response_cache.subgraph in docs/router.yaml")
		}
	}
}

// coprocessor converts the stages of a coprocessor, whose protocol is the same.
func coprocessor(c *conversion, n *node, _ []string) {
	const fixed = "docs/extending.md says what the coprocessor is sent"
	for _, child := range n.children {
		switch child.key {
		case "url":
			c.copy(child, asText, "coprocessor", "url")
		case "timeout":
			via("coprocessor.timeout", duration).convert(c, child, nil)
		case "router", "supergraph", "execution":
			for _, direction := range child.children {
				c.stage(direction, fixed, "coprocessor", child.key, direction.key)
			}
		case "subgraph":
			if all := child.get("all"); all != nil {
				for _, direction := range all.children {
					c.stage(direction, fixed, "coprocessor", "subgraph", "all", direction.key)
				}
			}
			c.others(child, "the stage subgraph applies to all subgraphs", "all")
		case "connector":
			c.note(child, None, "", "%s", noConnectors)
		default:
			c.note(child, None, "", "%s", fixed)
		}
	}
}

func (c *conversion) stage(n *node, fixed string, path ...string) {
	for _, child := range n.children {
		at := append(slices.Clone(path), child.key)
		switch child.key {
		case "headers", "body", "sdl", "query_plan":
			c.copy(child, plain, at...)
		case "context":
			// all, none, or a selection of keys.
			switch {
			case child.isNull:
			case child.is("none") || child.is("false"):
				c.set(child, "false", at...)
			case child.is("all") || child.is("true"):
				c.set(child, "true", at...)
			default:
				c.set(child, "true", at...)
				c.note(child, Changed, strings.Join(at, "."), "the whole context is sent")
				child.settled = true
			}
		case "condition":
			c.spare(child, "the stage is called for every request: let the coprocessor decide")
		default:
			minor(unless("false", fixed)).convert(c, child, nil)
		}
	}
}
