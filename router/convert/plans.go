package convert

import "strings"

// planToken is the variable with the token that requests for query plans need here.
const planToken = "SOUK_PLAN_TOKEN"

// withPlanToken adds a value of planToken to an environment that may lack it: the result needs it
// where the router runs.
func withPlanToken(environment func(string) (string, bool)) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := environment(name)
		if !ok && name == planToken {
			return strings.Repeat("0", 16), true
		}
		return value, ok
	}
}

const noPlugins = "plugins of Apollo Router do not run here: " + useHook

// apolloPlugins is the rule for plugins of Apollo Router, of which one is part of it.
func apolloPlugins() rule {
	expose := exposePlans("Apollo-Expose-Query-Plan")
	return custom(func(c *conversion, n *node, _ []string) {
		if !n.isMap {
			noneNamed(noPlugins).convert(c, n, nil)
			return
		}
		for _, child := range n.children {
			inner := child.get("expose_query_plan")
			switch {
			case child.key == "experimental.expose_query_plan":
				expose.convert(c, child, nil)
			case child.key == "experimental" && inner != nil:
				expose.convert(c, inner, nil)
				c.others(child, noPlugins, "expose_query_plan")
			default:
				noneUnless(noPlugins, never).convert(c, child, nil) // a plugin without settings has an effect, too
			}
		}
		if len(n.children) == 0 {
			c.note(n, Converted, "", emptyValue)
		}
	}, "`experimental.expose_query_plan` only: "+expose.note+"; other "+noPlugins, expose.to...)
}

func never(*node) bool { return false }

// exposePlans is the rule for a switch that lets any client ask for query plans with a header.
// Here requests need a token, too.
func exposePlans(header string) rule {
	return custom(func(c *conversion, n *node, _ []string) {
		if n.is("false") {
			c.note(n, Converted, "", "it is not enabled")
			return
		}
		if !n.is("true") {
			none("expose_query_plan shows query plans to those who send its token").convert(c, n, nil)
			return
		}
		c.set(n, "true", "expose_query_plan", "enabled")
		c.out.at("expose_query_plan", "header").text = c.quote(header)
		c.out.at("expose_query_plan", "token").text = `"${env.` + planToken + `}"`
		c.note(n, Changed, "expose_query_plan", "requests must send a token in the header Souk-Expose-Token, too: set %s to a random text, such as the output of openssl rand -hex 16; plans are in extensions.souk", planToken)
	}, "requests must send a token in the header `Souk-Expose-Token`, too", "expose_query_plan.enabled", "expose_query_plan.header", "expose_query_plan.token")
}
