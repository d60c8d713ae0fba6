// Package probe checks whether a running subgraph does what the Federation subgraph
// specification and GraphQL over HTTP ask of it. It sends queries, never mutations.
//
// The hub is probe.go: [Run] runs the checks in order and returns a [Report]. checks.go names
// them. request.go sends requests; http.go checks the protocol. sdl.go reads the SDL, and
// introspection.go compares it with what the subgraph executes. sample.go finds
// representations of entities, values.go makes values where there are none, entities.go
// checks entities and requires.go the fields with @requires. text.go writes a report.
package probe
