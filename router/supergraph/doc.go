// Package supergraph parses the SDL of a supergraph into a [Model]: which
// subgraphs define a type, which of them resolve a field, and by which keys they
// resolve an entity. It reads the output of every Federation composition: join
// specification v0.1 to v0.5, with the link or the core specification.
//
// It does not take part in requests. The gateway calls [ParseAfter] once for each
// supergraph, and the planner works with the model while that supergraph is in
// use. Model.APISchema is the schema that clients see; validation and
// introspection work with that text.
//
// A model is immutable and safe for concurrent use. Everything in it has a fixed
// order, so equal texts lead to equal plans.
//
// The hub is parse.go, which builds the model in passes. The other files are:
//
//   - model.go, provided.go: the model
//   - features.go: the specifications a supergraph links to, and their names
//   - fields.go, fieldset.go, context.go: fields, field sets, context arguments
//   - authorization.go, directives.go: directives on types and fields
//   - events.go: event streams that feed subscriptions
//   - idempotent.go: mutations that may be sent again
//   - api.go: the API schema
//   - common.go: what types and fields of a model share
//   - share.go: types that a model takes over from a former one
//   - diff.go, elements.go: the differences between two supergraphs
//   - needs.go: what a supergraph needs of a subgraph
//   - unserved.go: what the router cannot serve, such as transports other than HTTP
//   - mistaken.go: error messages for texts that are not a supergraph
package supergraph
