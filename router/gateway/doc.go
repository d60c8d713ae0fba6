// Package gateway serves the public port of the router. It takes HTTP and
// WebSocket requests and returns GraphQL responses, REST responses and event
// streams. It connects the packages that parse, authorize, plan and execute an
// operation; it contains none of that logic itself.
//
// The hub is exchange.go: an exchange takes one operation from a parsed request
// to a response. gateway.go holds the Gateway, its Options and its life cycle.
//
// An HTTP request passes these files in order:
//
//	handler.go      routes, middleware and the GraphQL endpoint
//	cors.go         which pages of other origins may read responses
//	security.go     cross-site request forgery, Origin of WebSocket handshakes
//	negotiate.go    the media type of the response, from Accept
//	admission.go    rate limit and max_in_flight
//	request.go      headers and body to a GraphQL request
//	batch.go        several requests in one body
//	uploads.go      requests with files, which package upload reads
//	persisted.go    a hash to a document; trusted.go reads the trusted ones, and
//	                shared_documents.go has those that clients register, in Redis
//	idempotent.go   keys of mutations that may be sent twice
//	hooks.go        hooks of embedding programs and coprocessors
//	forwarded.go    extensions and values of the request context that subgraphs get
//	labels.go       active labels of progressive @override
//	replan.go       operations that are planned again, after a short search or by new latencies
//	snapshot.go     document → operation, from a cache
//	programs.go     operation → plan → program, from a cache
//	templates.go    documents that differ only in literals share one entry
//	clients.go      limits of single clients
//	demand.go       what an operation costs, estimated and actual
//	cold.go         bounds concurrent parsing and planning
//	share.go        identical queries in flight share one execution
//	uses.go         which elements of the schema an operation uses
//	exceeded.go     limits of requests and responses that are only logged
//	extensions.go   the extensions of the response
//	audience.go     Cache-Control and Vary of the response
//	expose.go       the plan and timings, for those who may see them
//	redact.go       the operation text for traces and the console
//	parts.go        incremental delivery (@defer) as multipart/mixed
//	respond.go      status, headers and body of a single response
//	early.go        a response that is sent while the last subgraph response arrives
//	encoding.go     compression
//	problem.go      problem documents for requests that are not GraphQL
//
// REST routes enter at exchange.go through rest.go, tool calls of agents through mcp.go. Subscriptions
// are in streams.go, those that outlive the handlers of their requests in detached.go, WebSockets
// in sockets.go, the single connection mode of GraphQL over SSE in single_connection.go, and subscriptions that share one upstream in
// shared_streams.go; handon.go hands their events on to many clients. received.go collects
// headers of subgraphs for the client. health.go, metrics.go and inuse.go serve operators. record.go,
// inspect.go, inspect_streams.go and changes.go provide what the console shows.
//
// A schema snapshot is everything made from one supergraph: schema, planner,
// caches and connections. A new supergraph, which origin.go reads from a file or fetches, makes
// a new snapshot (reload.go); watchedfile.go says when the file is read again. It shares with the old
// one what has not changed, and requests go before the work on it (pause.go). It may wait
// until the subgraphs serve what it needs (candidate.go), and
// the most used operations are planned for it before it replaces the old one.
// Requests in progress finish on the snapshot they began with.
package gateway
