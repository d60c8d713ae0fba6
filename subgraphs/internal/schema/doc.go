// Package schema holds the Go types of schema/shared.graphqls, which gqlgen
// binds in all five subgraphs: scalars (scalar.go), money (money.go) and the
// typed errors of mutations (errors.go) and PageInfo (page.go). The errors are Go errors, too. So
// domain packages return them as errors, and a resolver converts them to its
// union with Result.
package schema
