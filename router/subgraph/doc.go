// Package subgraph carries requests to subgraphs over HTTP: it is the
// execute.Transport of the router.
//
// [New] makes a [Transport] for the subgraphs of one supergraph, each with its
// own connections, limits, retries, circuit breaker and rules for headers.
// Equal queries in flight at the same time may share one request. Subscriptions
// are opened as graphql-transport-ws or as server-sent events.
//
// It stands between package execute and the network.
package subgraph
