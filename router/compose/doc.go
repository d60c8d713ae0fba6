// Package compose composes the SDLs of Federation subgraphs into the SDL of a
// supergraph. If they do not compose, it returns the error codes of the
// composition specification, with the places that each error concerns.
//
// Composition takes place before the router starts and is not part of a request.
// Its result, a schema with join__ directives that name the subgraphs of each
// field, is the file that the router loads.
//
// The results are those of Apollo's composition; docs/decisions/composition.md lists
// the differences. internal/subgraph reads and validates each subgraph,
// internal/merge merges them, and internal/satisfy checks that all fields can be
// resolved. internal/schema is the model that they work on, and internal/report has
// what they report.
//
// The hub is compose.go. composer.go composes again after changes, for which
// internal/merge and internal/prove keep what has not changed. error.go and hint.go
// define what is reported, suggestion.go what to do about it and format.go how it is
// written. config.go reads the configuration file, load.go the schemas that it names, with
// internal/fetch for running subgraphs, and command.go implements the command. events.go says
// which subgraphs need no server. api.go reads the schema that clients see, from any of these
// sources.
package compose
