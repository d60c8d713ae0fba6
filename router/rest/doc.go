// Package rest serves a REST API whose routes are GraphQL operations.
//
// [New] takes a set of GraphQL documents, the API schema, and a [Graph] that executes
// operations. Directives on each operation declare the method and path of its route
// (directives.graphql documents them). New returns an http.Handler. A request is converted to
// the variables of the operation, the graph executes the operation, and the data becomes the
// response: a typed error becomes a problem document (RFC 9457), a connection becomes a page
// with links, and a version becomes an entity tag.
//
// New checks everything that does not depend on a request: that operations are valid, that
// each variable has a source, and that each typed error of a mutation has a status. From the
// same information it generates an OpenAPI description and a documentation page.
//
// The handler belongs to package gateway, which serves it next to the GraphQL endpoint with
// the same planner and executor. The hub is handler.go. A request passes these files:
//
//	match.go        path and method to a route; nearest.go suggests similar paths
//	negotiate.go    Accept and Content-Type
//	request.go      parameters and body to variables, with coerce.go for values and wrap.go for
//	                values that are part of an input object
//	idempotency.go  Idempotency-Key, with records.go for the records in Redis
//	graph.go        the interface to the graph
//	answer.go       data to a response, with shape.go for bodies, page.go for pages and
//	                partial.go for what a body lacks
//	etag.go         entity tags, If-Match, If-None-Match
//	problem.go      problem documents; problem_kinds.go lists their types
//	reject.go       problem documents for requests that the gateway rejects
//	own.go          the health, OpenAPI and documentation pages
//
// At start-up, load.go reads the documents, and compile.go and compile_answer.go make the
// routes (route.go). openapi.go and jsonschema.go describe them, in JSON objects with ordered
// members (ordered.go). json.go encodes strings.
package rest
