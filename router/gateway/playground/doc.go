// Package playground serves GraphiQL to browsers: a page to write operations
// on, with examples in tabs, that needs nothing from the network but the
// gateway it belongs to.
//
// Its files are made by `npm ci && npm run build` in bundle/ and kept,
// compressed, in static/, where LICENSES has the licences of what is in them.
package playground
