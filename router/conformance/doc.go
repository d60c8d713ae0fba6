// Package conformance tests the router against the specification of Apollo
// Federation, from a client's point of view. Its tests compose small subgraphs,
// serve them over HTTP and run the router in front of them. They compare its
// responses and its requests to the subgraphs with the golden files in testdata.
//
// A golden file is a txtar archive with these files:
//
//	NAME.graphqls, NAME.json   SDL and data of the subgraph NAME
//	router.yaml                configuration, in addition to the defaults
//	supergraph.graphql         a supergraph composed elsewhere
//	OP.graphql                 a document sent by the client
//	OP.variables.json          its variables
//	OP.headers                 its headers
//	OP.token                   the claims of its access token
//	OP.requests                the expected requests to subgraphs
//	OP.answer                  the expected response
//
// `go test ./router/conformance -update` rewrites the last two.
//
// The hub is conformance_test.go. router_test.go starts the router and sends
// operations, subgraph_test.go is the subgraph server, needs_test.go compares the
// supergraphs with what the SDLs have, and docs_test.go checks docs/federation.md.
package conformance
