package convert

const actualCosts = "the actual cost of an operation is that of its response, and that for a subgraph that of its responses"

// subgraphBudgets has the rules for budgets of subgraphs, which Apollo and Hive Router write in the
// same way. They skip the requests to a subgraph.
func subgraphBudgets() table {
	t := table{}
	for _, scope := range []string{"all", "subgraphs.*"} {
		t.with(scope, table{
			"max":       changed(to("demand_control.subgraph."+scope+".max"), "an operation beyond it is rejected as a whole"),
			"list_size": to("demand_control.subgraph." + scope + ".list_size"),
		})
	}
	return t
}

// exposeCosts is the rule for headers with costs.
func exposeCosts() rule {
	return custom(convertCosts, "costs are in `extensions.cost` of the response", "demand_control.expose")
}

// convertCosts converts headers with costs.
func convertCosts(c *conversion, n *node, _ []string) {
	shown := n.isMap && len(n.children) > 0 || n.is("true")
	for _, child := range n.children {
		shown = shown && !child.isMap && !child.isList
	}
	off := true
	for _, child := range n.children {
		off = off && (child.is("false") || child.isNull)
	}
	switch {
	case n.is("false") || n.isNull || n.isMap && off:
		c.note(n, Converted, "", "it is not enabled")
	case !shown:
		minor(none("demand_control.expose is true or false")).convert(c, n, nil)
	default:
		c.set(n, "true", "demand_control", "expose")
		c.note(n, Changed, "demand_control.expose", "costs are in extensions.cost of the response")
		n.settled = true
	}
}
