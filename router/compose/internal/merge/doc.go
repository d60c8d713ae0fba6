// Package merge merges subgraphs into a supergraph, as Apollo's composition does: the
// same supergraph, byte for byte, the same codes of errors and the same hints.
//
// The hub is merge.go. prepare.go, joinspec.go, alias.go and composed.go (for
// @composeDirective) decide which specifications the supergraph links. types.go adds
// the types; object.go, interface.go, union.go, enum.go and input.go merge them by
// kind, field.go and argument.go their members, with external.go, override.go and
// sharing.go for the directives that tell who resolves a field. join.go writes who
// does. directive.go merges definitions of directives, applied.go their
// applications, with strategy.go for their arguments and access.go for requirements
// that apply to other types too. description.go merges descriptions. validate.go,
// authorization.go and inaccessible.go check the result. memory.go takes types over from
// the merge before. sources.go, mismatch.go and
// coordinate.go are used throughout.
package merge
