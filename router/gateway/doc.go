// Package gateway is the router's front: it takes HTTP requests and wires the
// stages that answer them.
//
// A request's way, and the file it is in:
//
//	cors.go         what pages of other origins may read
//	security.go     requests forged by pages of other origins
//	negotiate.go    which media type the client takes
//	request.go      method, headers and body to a GraphQL request
//	persisted.go    a hash to a document
//	generation.go   document → operation → plan → program, each from a cache
//	respond.go      the executor's answer to status, headers, body
//	encoding.go     compression
//
// Everything made from one supergraph is a generation. A new supergraph makes
// a new one (reload.go), warmed by what the old one was asked most; requests
// that are under way end with the generation they began with.
package gateway
