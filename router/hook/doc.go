// Package hook lets a program that embeds the router observe and change requests
// without a fork.
//
// A [Hooks] value has one function for each point in the processing of a GraphQL
// request. A nil function costs nothing. A program passes a list of Hooks to the router
// (router.Extensions.Hooks, or cli.WithHooks):
//
//	Request           the request is read; the document is not looked up yet
//	Operation         the operation is parsed and valid; authorization and cost
//	                  are not checked yet
//	Plan              the operation is planned; no subgraph request has been sent
//	SubgraphRequest   a request is about to be sent to a subgraph
//	SubgraphResponse  the subgraph has responded, or the request has failed
//	Response          a response is about to be sent to the client
//
// hook.go has the Hooks, exchange.go the state that the hooks of one request share, reject.go the
// errors that reject a request, and observer.go the [Observer] of stages, for traces.
//
// # Scope
//
// The points are the same for every kind of request: GraphQL over HTTP, each member of
// a batch, each operation on a WebSocket or an event stream, multipart responses and
// REST routes. All hooks of one request share one [Exchange], which also carries values
// from one hook to later ones. Requests that fail before they are parsed as GraphQL, for
// example because of CORS, authentication, rate limits or invalid JSON, reach no hook;
// HTTP middleware sees them (router.Extensions.Middleware).
//
// # Order
//
// Request hooks run in list order. Response hooks (SubgraphResponse, Response) run in
// reverse order, so that the first Hooks in the list is the outermost, as with HTTP
// middleware. The first error stops processing: no further hook is called except
// Response, which is called for the error response. SubgraphRequest and
// SubgraphResponse run in the goroutines of fetches, several of which may run
// concurrently for one request.
//
// # Errors
//
// A hook rejects a request by returning [Reject] or a [*Rejection]. Any other error is a
// fault: the client receives INTERNAL_SERVER_ERROR, and the router logs the error and
// the name of the hook. A panic is treated as a fault and does not end the process.
//
// # Reload
//
// Hooks belong to the program. They persist when the supergraph or the configuration is
// reloaded. All hooks of one request see the same supergraph ([Exchange.Supergraph]).
//
// # Sharing
//
// The router avoids repeated work: it caches entities, joins identical queries in flight,
// and shares identical subscriptions. A subgraph hook runs once for each request that is
// sent, even if several clients wait for the response. If a response depends on anything
// other than the propagated client headers and the caller, either set a client header in
// a Request hook and propagate it by configuration, or set [Exchange.Partition].
package hook
