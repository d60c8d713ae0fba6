// Package schemadiff compares two API schemas and says of each difference whether it breaks
// clients.
//
// The hub is diff.go, which compares types and fields. inputs.go compares what clients
// send: arguments and input fields. enums.go compares the values of enums, directives.go
// the directives that operations may use. usage.go takes into account what clients use.
package schemadiff
