// Package schema holds the Go types of schema/shared.graphqls, which gqlgen
// binds in all five subgraphs: scalars, money, and the typed errors that
// mutations answer with. The errors are Go errors too, so domain code returns
// them as such and a resolver turns them into its union with Result.
package schema
