// Package playground serves GraphiQL, a page for writing and running operations, with
// examples in tabs. Beside the editors it has panels for query plans and traces, which come
// from the router's console, for the operation as a program, and for logging in. The page
// loads nothing from other hosts. [New] takes the path of the GraphQL endpoint and returns an
// HTTP handler, which package gateway mounts.
//
// The files in static/ are built by `npm ci && npm run build` in bundle/ and embedded in
// compressed form. static/LICENSES has the licenses of the libraries in them. The panels, in
// bundle/panels/, share components with the console (router/console/page/bundle/src/plan):
// build both after a change there.
package playground
