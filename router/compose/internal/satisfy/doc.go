// Package satisfy checks that the subgraphs of a supergraph can resolve every field
// of its API schema, on every path that leads to the field from a root type: that
// the supergraph is satisfiable. It is the last step of a composition.
//
// [Check] takes a supergraph.Model and returns the errors and hints of Apollo's
// composition, each with a shortest example operation and, for each subgraph, why
// it does not help.
//
// The check follows all paths of the API schema, breadth first. What matters at the
// end of a path is a state: the type, and the positions at which its objects arrive.
// A position is a subgraph, the type as that subgraph returns it, and what
// @provides adds. From there, entity jumps lead to further positions, if the keys
// can be read, and a field leads to the positions of the subgraphs that resolve it,
// if its conditions are met: what @requires names, and context values. A state is
// not visited if a state of the same type has been visited from whose positions no
// more could be resolved. So most types are visited once, and the time grows with
// the size of the supergraph.
//
// The check and the planner agree: every path of a supergraph that Check accepts
// has a plan, and no example of an error has one. This makes the check differ from
// Apollo's, which accepts some supergraphs that cannot be served and refuses some
// that can; docs/federation.md lists the differences.
//
// The hub is check.go, which runs a walk and describes the problems. The other files
// are:
//
//   - walk.go: paths of the API schema, states, and which need no visit
//   - effect.go: mutations and subscriptions that several subgraphs resolve
//   - proof.go: checks of a supergraph of which a part has changed
//   - runtime.go: shared fields whose subgraphs know different object types
//   - position.go: positions and sets of them
//   - read.go: where a field leads, and whether field sets can be read
//   - jump.go: entity jumps
//   - condition.go: @requires
//   - context.go: @fromContext
//   - label.go: labels of progressive overrides
//   - operation.go: example operations
//   - reason.go: why a field cannot be resolved
package satisfy
