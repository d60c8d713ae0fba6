package convert

// heartbeat converts an interval, of which disabled means none.
func heartbeat(c *conversion, n *node) (string, error) {
	switch {
	case n.is("disabled"):
		return "0s", nil
	case n.is("enabled"): // with the default
		return "5s", nil
	}
	return duration(c, n)
}

// callbackSubgraphs sets the protocol of the subgraphs in a list, or of all if it is empty.
func callbackSubgraphs(c *conversion, n *node, _ []string) {
	if !n.isList || len(n.children) == 0 {
		c.copyCallback(n, "subscriptions", "all", "protocol")
		return
	}
	for _, child := range n.children {
		name, err := child.one()
		if err != nil {
			c.note(child, None, "", "%v", err)
			continue
		}
		c.copyCallback(child, "subscriptions", "subgraphs", name, "protocol")
	}
}

func (c *conversion) copyCallback(n *node, path ...string) { c.set(n, "callback", path...) }

// callbackDefaults makes all subgraphs use the protocol if the input has no list of them, and no
// other protocol.
func (c *conversion) callbackDefaults() {
	mode := c.root.get("subscription").get("mode")
	for _, name := range []string{"callback", "preview_callback"} {
		if section := mode.get(name); section != nil && section.get("subgraphs") == nil && mode.get("passthrough") == nil {
			c.fallback("callback", "subscriptions", "all", "protocol")
		}
	}
}
