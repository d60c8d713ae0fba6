// Package compose composes the SDLs of Federation subgraphs into the SDL of a
// supergraph. If they do not compose, it returns the error codes of the
// composition specification.
//
// Composition takes place before the router starts and is not part of a request.
// Its result, a schema with join__ directives that name the subgraphs of each
// field, is the file that the router loads.
//
// The merging is done by the MIT-licensed JavaScript library
// @theguild/federation-composition. It is bundled into bundle/composition.js and
// runs in goja, a JavaScript engine written in Go, so Node is not needed.
// bundle/corrections.js changes the library where its results differ from those
// of Apollo's composition. Further checks in Go report errors that the library
// misses, and package satisfy that every field can be resolved. One limitation is known: the argument "as" of the @link to the
// Federation specification, which renames all directives at once, is not
// supported; renaming individual imports is. [Compose] hides the library, so a
// composition written in Go can replace it.
//
// The hub is compose.go. engine.go runs the library, check.go and the checks in
// interfaces.go and sharing.go complete it, error.go defines the errors,
// config.go reads the configuration file, and command.go implements the command.
package compose
