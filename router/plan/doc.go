// Package plan defines query plans, which describe as plain data how an operation
// is executed. The planner (plan/planner) makes them and package execute runs them.
//
// A plan has a list of fetches (plan.go) with their selections (selection.go), from
// which graphql.go prints the GraphQL text. docs/query-plans.md describes the
// notations of plans: text ([Print], print.go), Apollo's ([PrintApollo], apollo.go)
// and JSON ([WriteJSON] and [ReadJSON], json.go).
package plan
