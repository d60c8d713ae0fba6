// Package rest answers REST with GraphQL operations.
//
// It takes a set of GraphQL documents whose operations say by directives which
// method and path they answer (directives.graphql explains each), the API
// schema they are written for, and a Graph that executes operations. It gives
// an http.Handler. A request becomes the operation's variables, the operation
// goes through the graph like any other, and the answer's data becomes the
// response: a typed error of the schema a problem document, a connection a page
// with links, a version an entity tag.
//
// Everything that can be checked before the first request is checked by New:
// that the operations are valid against the schema, that each variable has a
// source, that each typed error a mutation may answer has a status. The same
// knowledge gives the OpenAPI description and the page to read it.
//
// In a request's way it stands beside the GraphQL handler: both belong to the
// gateway and hand operations to the same planner and executor.
//
// A request passes: match (match.go), negotiation (negotiate.go), parameters
// and body to variables (request.go, coerce.go), the idempotency record
// (idempotency.go), the graph, the answer to a response (answer.go, shape.go,
// page.go), preconditions of reading (etag.go).
package rest
