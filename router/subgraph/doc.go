// Package subgraph sends requests to subgraphs over HTTP. It is the execute.Transport
// of the router, between package execute and the network.
//
// [New] returns a [Transport] for the subgraphs of one supergraph. Each subgraph has
// its own connections, limits, retries, circuit breaker and header rules. If it has several URLs,
// so has each of them its connections and circuit breaker, and requests are spread over them. Identical
// queries in flight can share one request. Subscriptions use graphql-transport-ws or
// server-sent events.
//
// The hub is transport.go. A query or mutation passes these files:
//
//	options.go      configuration and defaults
//	headers.go      header rules
//	intercept.go    hooks around subgraph requests
//	flight.go       identical queries share one request
//	retry.go        retries
//	attempt.go      one attempt, and the time that is left for it
//	endpoint.go     the URLs of a subgraph, and the choice of one
//	breaker.go      circuit breakers and retry budget
//	blame.go        the results of each URL, which open its circuit breaker
//	body.go         the request body for net/http
//	files.go        requests with files of clients
//	direct.go       HTTP/1.1 client for http URLs, with conn.go (a connection),
//	                pool.go (idle connections) and head.go (response headers)
//	standard.go     net/http client for everything else, with watch.go, which
//	                rejects unsolicited bytes on idle connections
//	socket_unix.go, socket_other.go
//	                the system calls of both
//	unixsocket.go   subgraphs on Unix sockets
//	streamtransport.go
//	                net/http for subscriptions
//	reply.go        checks and reads the response
//	encoding.go     decompression
//	unreachable.go  describes connection failures
//
// Subscriptions are in subscribe.go, with websocket.go, sse.go and callback.go for the protocols.
package subgraph
