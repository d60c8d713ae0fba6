// Package router assembles a Federation gateway. From a configuration ([config.Config]) it
// builds the transport to the subgraphs, the entity cache, authentication, limits, REST
// routes and telemetry, passes them to package gateway, and serves the result on the public
// and the admin port. `souk router` runs it; other programs can embed it and add
// [Extensions].
//
// A request passes the packages below in this order: gateway reads it, auth and limit
// decide whether it may run, operation parses and validates it, plan finds the subgraph
// requests that answer it, and execute sends them through cache and subgraph and writes the
// response. rest and subscribe serve REST routes and streams.
//
// The hub is router.go, with Options, Extensions and Router. reloadable.go replaces the
// configuration while the router serves. The other files configure one part each:
//
//	atstart.go       keys that take effect when the router restarts
//	inuse.go         requests in progress of a router that a new configuration replaces
//	serve.go         ports, deadlines, shutdown
//	listen.go        addresses and TLS of the ports
//	http2.go         HTTP/2
//	callers.go       authentication, authorization, rate limit, cost
//	owner.go         the owner of an idempotency record
//	subgraphs.go     the transport, metrics and spans of subgraph requests
//	callbacks.go     the receiving end of subscriptions by HTTP callback
//	verdicts.go      the cache of decisions on @policy
//	counters.go      counters that begin with 0
//	entitycache.go   the entity cache
//	invalidation.go  the invalidation API of the entity cache
//	canary.go       a second variant for a share of the requests, or for copies;
//	                canary_metrics.go has its metrics, canary_state.go its state
//	observability.go the access log, the log of subgraph errors, instruments, the usage export
//	traceid.go       the response header with the ID of the trace
//	stages.go        observers and spans of the stages of an operation
//	hooks.go         the list of hooks, and those around subgraph requests
//	coprocessor.go   the coprocessor
//	names.go         names in the configuration that the supergraph does not have
//	dependencies.go  health of the subgraphs and other dependencies
//	reachable.go     refuses subgraphs and event streams that cannot be reached
//	urls.go          health and metrics of the URLs of subgraphs that have several
//	limits.go        rate limits and the cost limit
//	eventsources.go  message brokers that feed subscriptions
//	redis.go         Redis for rate limits and idempotency records
//	console.go       the console
//	debug.go         profiles
//	bundle.go        the debug bundle
//	events.go        the store's events in the console
package router
