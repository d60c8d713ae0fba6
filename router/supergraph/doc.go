// Package supergraph reads a supergraph's SDL, as every Federation
// composition writes it (join specification v0.1 to v0.5 with the link or core
// specification), into a [Model]: which subgraph knows which types, resolves
// which fields, and enters which entities by which keys.
//
// It stands before all requests: the gateway reads a supergraph once, [Parse],
// and the planner works from the model for as long as the supergraph is in
// force. Clients see the part of it that Model.APISchema holds; validation and
// introspection are built from that text.
//
// A model is immutable and safe for use by many goroutines. Everything in it
// is in a fixed order, so that the same text gives the same plans.
package supergraph
