// Package operation turns what a client sends, a document's text and a JSON
// object of variables, into what the stages after it work on: an [Operation],
// a small immutable tree in which nothing is left to decide.
//
// It stands first in a request's way, right behind HTTP:
//
//	text ── Schema.Parse ──▶ Document ── Document.Operation ──▶ Operation ──▶ plan
//	                            └────── Document.Variables ──▶ Variables ──▶ execute
//
// Parsing and validating happen once for a text; the gateway keeps the
// [Document]. A document gives one Operation for each combination of the
// values of the variables that its @skip, @include and @defer use, and keeps
// it, so that a warm request costs look-ups only.
//
// Errors are [Errors]: spec-shaped, with locations and a code.
package operation
