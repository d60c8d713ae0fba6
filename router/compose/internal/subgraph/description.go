package subgraph

import "souk/router/compose/internal/schema"

// describe sets a description.
func describe(n *schema.Node, description string) {
	n.Description, n.Described = description, description != ""
}
