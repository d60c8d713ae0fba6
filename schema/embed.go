// Package schema embeds the store's graph: the SDL of each subgraph, the
// supergraph that they compose to, the REST routes and the playground's
// examples.
package schema

import "embed"

// Supergraph is the composed supergraph's SDL.
//
//go:embed supergraph.graphql
// Supergraph is the SDL of the composed supergraph.
var Supergraph string

// Routes are the REST routes' documents, in rest/.
//
//go:embed rest
// Routes holds the documents of the REST routes, in rest/.
var Routes embed.FS

// Examples are operations for the playground, in examples/.
//
//go:embed examples
// Examples holds the playground's example operations, in examples/.
var Examples embed.FS
