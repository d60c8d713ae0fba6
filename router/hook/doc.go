// Package hook is how a program that embeds the router takes part in requests
// without a fork.
//
// A [Hooks] value has one function for each point of a GraphQL request's way;
// those that are nil cost nothing. A program hands a list of them to the router
// (router.Options.Hooks, or cli.WithHooks):
//
//	Request           the request is read; its document is not looked up yet
//	Operation         the operation is parsed and valid; what the caller may see
//	                  and what it costs is not decided yet
//	Plan              the operation is planned; no subgraph has been asked
//	SubgraphRequest   a request is about to be sent to a subgraph
//	SubgraphResponse  the subgraph has answered, or failed
//	Response          a response is about to be sent to the client
//
// # Scope
//
// The points are the same for every way in: GraphQL over HTTP, each member of a
// batch, each operation on a WebSocket or an event stream, multipart responses
// and REST routes. All hooks of one request share one [Exchange], which also
// carries values from one hook to later ones. What comes before there is a
// GraphQL request – CORS, authentication, rate limits, a body that is not JSON –
// passes no hook; HTTP middleware sees it (router.Options.Middleware).
//
// # Order
//
// On the way in, hooks run in the order of the list; on the way out
// (SubgraphResponse, Response) in the reverse order, so that the first in the
// list is the outermost, as with HTTP middleware. The first error ends the way
// in: no later hook of the request is called except Response, which is called
// for the refusal. SubgraphRequest and SubgraphResponse run in the goroutines of
// fetches, several of them at the same time for one request.
//
// # Errors
//
// A hook refuses a request with [Reject] or a [*Rejection]. Any other error is a
// fault: the client is told INTERNAL_SERVER_ERROR, the log has the error and the
// hook's name. A panic counts as such an error and does not end the process.
//
// # Reload
//
// Hooks belong to the program. They outlive changes of the supergraph and of the
// configuration; one request sees one supergraph ([Exchange.Supergraph]) at all
// of its hooks.
//
// # Sharing
//
// The router answers equal work once: it caches entities, joins equal queries in
// flight, and shares equal subscriptions. A subgraph hook runs for the request
// that is sent, whoever waits for the answer. Where an answer depends on more
// than the router can see – the client headers that are propagated, the caller –
// either set a client header in a Request hook and propagate it by the
// configuration, or set [Exchange.Partition].
package hook
