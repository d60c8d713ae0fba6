package convert

import (
	"cmp"
	"strings"
)

func anyOrigin(c *conversion, n *node, _ []string) {
	if n.is("true") {
		c.add(n, []string{`"*"`}, "cors", "allow_origins")
		return
	}
	unless("false", "allow_any_origin is true or false").convert(c, n, nil)
}

// originPatterns copies patterns of origins, which match a part of an origin there and the
// whole one here.
func originPatterns(c *conversion, n *node, _ []string) {
	r := to("cors.match_origins")
	if difference := partial(n.texts()); difference != "" {
		r = changed(r, difference)
	}
	r.convert(c, n, nil)
}

// partial says what differs for patterns that are not bound to both ends of an origin.
func partial(patterns []string) string {
	for _, p := range patterns {
		if !strings.HasPrefix(p, "^") || !strings.HasSuffix(p, "$") {
			return "a pattern matches the whole origin: add .* where more may follow"
		}
	}
	return ""
}

// corsPolicies converts the policies of some origins.
func corsPolicies(c *conversion, n *node, _ []string) {
	for _, policy := range n.children {
		made := newBranch()
		c.policyOrigins(made, policy)
		if made.empty() {
			c.spare(cmp.Or(policy.get("origins"), policy.get("match_origins"), policy.get("match_origin"), policy), "list the origins of a policy in cors.policies.allow_origins or match_origins")
			continue
		}
		c.itemValue("cors.policies", made, policy.get("allow_credentials"), "allow_credentials", plain)
		for _, list := range []struct{ from, to string }{{"methods", "allow_methods"}, {"allow_headers", "allow_headers"}, {"expose_headers", "expose_headers"}} {
			if n := policy.get(list.from); n != nil && len(n.texts()) > 0 {
				c.policyList(made, n, list.to)
			}
		}
		c.itemValue("cors.policies", made, policy.get("max_age"), "max_age", seconds)
		at := c.out.at("cors", "policies")
		at.isList, at.items = true, append(at.items, made)
		c.note(policy, Converted, "cors.policies", "")
		c.others(policy, "see cors.policies in docs/router.yaml", "origins", "match_origins", "match_origin", "methods", "allow_headers", "expose_headers", "allow_credentials", "max_age")
	}
}

// policyOrigins adds the origins of a policy.
func (c *conversion) policyOrigins(made *branch, policy *node) {
	for _, from := range []string{"origins", "match_origins", "match_origin"} {
		list := policy.get(from)
		if list == nil || len(list.texts()) == 0 {
			continue
		}
		key, difference := "allow_origins", ""
		if from != "origins" {
			key, difference = "match_origins", partial(list.texts())
		}
		c.policyList(made, list, key)
		if difference != "" && made.has(key) {
			c.note(list, Changed, "cors.policies."+key, "%s", difference)
		}
	}
}

// policyList adds a list to a policy.
func (c *conversion) policyList(made *branch, n *node, key string) {
	if !c.expandable(n, n.texts()...) {
		return
	}
	at := made.at(key)
	at.isList, at.list, at.from = true, append(at.list, c.quoted(n.texts())...), append(at.from, c.paths[n])
}

func healthKeys(lists []string) []string {
	var keys []string
	for _, list := range lists {
		keys = append(keys, "health_check."+list)
	}
	return keys
}

// healthPaths adds the path of a health check to lists of paths.
func healthPaths(lists ...string) rule {
	return custom(func(c *conversion, n *node, _ []string) {
		for _, list := range lists {
			c.add(n, c.quoted(n.texts()), "health_check", list)
		}
	}, "", healthKeys(lists)...)
}

func cosmoCORS() table {
	return table{
		"enabled":           unless("true", "leave cors.allow_origins empty"),
		"allow_origins":     custom(cosmoOrigins, "credentials are only for origins that are listed", "cors.allow_origins", "cors.allow_credentials"),
		"allow_methods":     to("cors.allow_methods"),
		"allow_headers":     to("cors.allow_headers"),
		"allow_credentials": to("cors.allow_credentials"),
		"expose_headers":    to("cors.expose_headers"),
		"max_age":           via("cors.max_age", duration),
		"max_age_minutes":   via("cors.max_age", minutes),
	}
}

// cosmoOrigins copies the origins. Credentials are only for origins that are listed.
func cosmoOrigins(c *conversion, n *node, _ []string) {
	to("cors.allow_origins").convert(c, n, nil)
	credentials := c.root.get("cors").get("allow_credentials")
	for _, item := range n.children {
		if item.is("*") && credentials.is("true") {
			credentials.raw = "false"
			c.note(item, Changed, "cors.allow_credentials", "credentials are not allowed for every origin: list the origins in cors.allow_origins")
		}
	}
}
