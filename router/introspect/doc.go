// Package introspect resolves the fields __schema and __type (GraphQL, section
// 4) from the API schema.
//
// It takes a field of an operation and returns its value as JSON. The executor
// calls it and places the value in the response. The hub is introspect.go;
// types.go maps definitions to introspection types, and writer.go writes JSON.
package introspect
