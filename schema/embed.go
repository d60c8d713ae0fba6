// Package schema holds the store's graph as files: each subgraph's SDL, the
// supergraph they compose to, the REST routes and the playground's examples.
package schema

import "embed"

// Supergraph is the composed supergraph's SDL.
//
//go:embed supergraph.graphql
var Supergraph string

// Routes are the REST routes' documents, in rest/.
//
//go:embed rest
var Routes embed.FS

// Examples are operations for the playground, in examples/.
//
//go:embed examples
var Examples embed.FS
