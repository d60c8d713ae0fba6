// Package schema embeds the store's graph: the SDL of each subgraph, the
// supergraph that they compose to, the REST routes and the playground's
// examples.
package schema

import "embed"

// Supergraph is the SDL of the composed supergraph.
//
//go:embed supergraph.graphql
var Supergraph string

// Routes holds the documents of the REST routes, in rest/.
//
//go:embed rest
var Routes embed.FS

// Examples holds the playground's example operations, in examples/.
//
//go:embed examples
var Examples embed.FS
