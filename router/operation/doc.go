// Package operation parses and validates GraphQL documents, coerces variables
// and reduces an operation to an [Operation]: a small immutable tree with
// fragments inlined and conditions evaluated.
//
// It is the first stage of a request after HTTP:
//
//	text ── Schema.Parse ──▶ Document ── Document.Operation ──▶ Operation ──▶ plan
//	                            └────── Document.Variables ──▶ Variables ──▶ execute
//
// A text is parsed and validated once; the gateway caches the [Document]. An
// operation depends on the values of the variables in its @skip, @include and
// @defer directives. The document caches one Operation for each combination of
// these values, so a repeated request only looks things up.
//
// Request errors are returned as [Errors], with locations and a code, in the
// response format of the GraphQL specification.
//
// The hub is schema.go (Schema, Parse). The other files are:
//
//   - rules.go, merging.go, surrogate.go: validation rules that replace or
//     complete those of the parser library
//   - numbers.go: the range of numbers in documents
//   - plain.go, plainvalues.go, plainmerging.go: documents that are plain to be valid
//   - limits.go, listitems.go, nesting.go: limits on the size of a request
//   - document.go, specialise.go, scope.go, keep.go: from a Document to an Operation
//   - operation.go, print.go: the Operation tree and its text
//   - value.go: the text of values
//   - argument.go: scalars in arguments
//   - variables.go: coercion of variables
//   - literals.go, template.go: documents that differ only in literals share one Document
//   - files.go: files in variables
//   - errors.go: error types and codes
//   - builtin.go: corrections of the built-in definitions
//   - partial.go: validating only what differs from a former schema
//   - shared.go: definitions that a schema shares with a former one
//   - compact.go: definitions that take little memory
//   - redact.go: documents without values, for traces and statistics
package operation
