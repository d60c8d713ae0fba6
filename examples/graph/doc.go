// Package graph has no code: its directories are subgraphs in three languages, which
// docs/own-graph.md starts.
package graph
