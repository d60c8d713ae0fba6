// Package oracle computes the expected response of a federated graph with the simplest
// possible implementation. Tests compare the router with it.
//
// A [World] is a set of subgraph schemas with data. The data is not stored: each value is
// computed from a seed, its object, the field and the arguments, so that all subgraphs
// return the same value. Monolith executes an operation on that data with one plain
// executor over the API schema. Subgraph answers the router's requests to one subgraph with
// the same executor. For fields that a subgraph must not be asked for, such as external or
// overridden fields, it returns poison. That exposes a router that requests them, or that
// sends wrong values for @requires.
//
// The hub is world.go. execute.go is the executor, subgraph.go is a subgraph, schema.go and
// context.go answer questions about the schemas, generate_schema.go and generate_context.go
// generate graphs, and generate_operation.go generates operations.
package oracle
