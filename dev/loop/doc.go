// Package loop composes the subgraphs of a graph again whenever they change, for `souk dev
// --config`. It hands each supergraph that composes to a router. One that does not compose
// is reported with its place, and the router keeps the one before.
//
// The hub is loop.go. sources.go loads the SDLs and keeps the last good one of each
// subgraph, watch.go waits for changes of files, report.go writes what has changed, and
// process.go runs the commands that start subgraphs.
package loop
