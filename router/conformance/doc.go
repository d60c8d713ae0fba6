// Package conformance holds the router to how Apollo Federation is described,
// by what clients see of it: its tests compose small subgraphs, serve them over
// HTTP, put the router in front of them and compare its answers, and what it
// asked the subgraphs, with the cases in testdata.
//
// A case is a txtar file: NAME.graphqls and NAME.json are a subgraph's SDL and
// data, router.yaml is configuration beside the defaults, supergraph.graphql a
// supergraph that has been composed by other means. OPERATION.graphql is what a
// client sends, with OPERATION.variables.json, OPERATION.headers and, as the
// claims of a good token, OPERATION.token if it has any; OPERATION.requests and
// OPERATION.answer are what has to come of it. `go test ./router/conformance
// -update` writes the latter two.
package conformance
