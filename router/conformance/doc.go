// Package conformance holds the gateway to how Apollo Federation is described,
// by what clients see of it: its tests compose small subgraphs, serve them over
// HTTP, put the gateway in front of them and compare its answers, and what it
// asked the subgraphs, with the cases in testdata.
//
// A case is a txtar file: NAME.graphqls and NAME.json are a subgraph's SDL and
// data, OPERATION.graphql is what a client sends, with OPERATION.variables.json
// if it has variables; OPERATION.requests and OPERATION.answer are what has to
// come of it. `go test ./router/conformance -update` writes the latter two.
package conformance
