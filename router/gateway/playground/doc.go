// Package playground serves GraphiQL, a page for writing and running operations, with
// examples in tabs. The page loads nothing from other hosts. [New] takes the path of
// the GraphQL endpoint and returns an HTTP handler, which package gateway mounts.
//
// The files in static/ are built by `npm ci && npm run build` in bundle/ and embedded in
// compressed form. static/LICENSES has the licenses of the libraries in them.
package playground
