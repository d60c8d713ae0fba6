// Package fetch fetches the SDL of a running subgraph: by the field _service of the
// Federation subgraph specification, or by introspection of a plain GraphQL service.
//
// The hub is fetch.go. introspection.go has the introspection query and converts its
// result to an SDL.
package fetch
