// Package mcp serves an endpoint of the Model Context Protocol, on which agents call the
// operations of trusted documents as tools.
//
// The hub is server.go: a [Server] speaks the protocol over streamable HTTP and bounds its
// sessions (sessions.go), and passes calls to the gateway, with the HTTP request that carried them;
// messages.go tells which messages count for rate limits, and writes errors of rejected ones. tools.go makes tools of documents, for the
// schema in use: describe.go writes their descriptions, input.go the JSON Schemas of their arguments,
// and output.go those of their results. arguments.go checks the names of arguments. result.go turns
// GraphQL responses into results, and calls.go counts them.
package mcp
