// Package console serves the console: a JSON API below /console/api/ on the admin port that
// shows the graph, query plans, traces and traffic of a router, and the page that displays
// it. docs/console.md describes the API.
//
// console.go is the hub: New routes requests, and guard rejects those without the token.
// attempts.go bounds the number of wrong tokens. The other files have one endpoint or group of
// endpoints each:
//
//	info.go     the router and where its endpoints are
//	graph.go    the types of the supergraph and who resolves them
//	plan.go     the query plan of an operation and how it was found
//	run.go      operations that are run from the console
//	traffic.go  all operations over time
//	operations.go  operations, clients, errors and use of fields
//	traces.go   single operations with their fetches
//	subgraphs.go  health and latency of subgraphs
//	urls.go       health of the URLs of subgraphs that have several
//	state.go    limits, caches, subscriptions and reloads
//	replicas.go figures of all replicas, by Prometheus
//	canary.go   the state of the canary
//	figures.go  the router's metrics
//	problem.go  responses
//
// Package record keeps the statistics and traces.
package console
