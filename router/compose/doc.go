// Package compose makes one supergraph SDL of the SDLs of several Federation
// subgraphs, or says with the composition specification's error codes why they
// do not fit together.
//
// It stands before all requests: what it gives, a schema with join__ directives
// that say which subgraph answers what, is the file the router is started with.
// Nothing of it runs when a request is answered.
//
// The merging itself is done by the MIT-licensed JavaScript library
// @theguild/federation-composition, bundled into bundle/composition.js and run
// in a JavaScript engine written in Go, so that composing needs no Node. Where the
// library composes otherwise than Apollo's, bundle/corrections.js is built into it;
// what it lets pass although the specification forbids it, the checks in check.go
// find. Known to be missing: the argument `as` of the @link to the
// federation specification, which renames all its directives at once; renaming
// single ones in the import works. Compose is the only seam: a composition
// written in Go could take the library's place behind it.
package compose
