package telemetry

import base "souk/telemetry"

var (
	operationDuration = base.Metric{
		Name: "souk_router_operation_duration_seconds", Kind: base.Histogram, Buckets: base.DurationBuckets(),
		Help:   "How long it took to answer an operation; outcome is data, partial (data and errors) or errors.",
		Labels: []string{"graphql_operation_type", "outcome"},
	}
	operationsInFlight = base.Metric{
		Name: "souk_router_operations_in_flight", Kind: base.Gauge,
		Help: "Operations being answered now.",
	}
	graphqlErrors = base.Metric{
		Name: "souk_router_graphql_errors_total", Kind: base.Counter,
		Help:   "Errors in answers, by extensions.code; codes beyond the first 100 are counted as _OTHER.",
		Labels: []string{"code"},
	}
	subscriptionsActive = base.Metric{
		Name: "souk_router_subscriptions_active", Kind: base.Gauge,
		Help: "Open subscriptions of clients.",
	}
	subscriptionUpstreams = base.Metric{
		Name: "souk_router_subscription_upstreams_active", Kind: base.Gauge,
		Help: "Subscriptions open to subgraphs. Equal subscriptions of equal callers share one.",
	}
	subscriptionsJoined = base.Metric{
		Name: "souk_router_subscriptions_joined_total", Kind: base.Counter,
		Help: "Subscriptions of clients that joined one already open to the subgraph.",
	}
	subscriptionsDropped = base.Metric{
		Name: "souk_router_subscriptions_dropped_total", Kind: base.Counter,
		Help: "Subscriptions ended because the client read too slowly.",
	}
	supergraphLoads = base.Metric{
		Name: "souk_router_supergraph_loads_total", Kind: base.Counter,
		Help:   "Supergraphs taken into use (ok) or refused (failed).",
		Labels: []string{"result"},
	}

	planDuration = base.Metric{
		Name: "souk_router_plan_duration_seconds", Kind: base.Histogram,
		Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
		Help:    "How long it took to plan an operation that was not in the plan cache.",
	}
	cacheRequests = base.Metric{
		Name: "souk_router_cache_requests_total", Kind: base.Counter,
		Help:   "Look-ups in the in-process caches (document, plan, persisted_document), by result: hit or miss.",
		Labels: []string{"cache", "result"},
	}
	cacheEvictions = base.Metric{
		Name: "souk_router_cache_evictions_total", Kind: base.Counter,
		Help:   "Entries dropped from an in-process cache to keep it within bounds.",
		Labels: []string{"cache"},
	}
	connectionsClosed = base.Metric{
		Name: "souk_router_connections_closed_total", Kind: base.Counter,
		Help:   "Connections of clients closed to keep a bound: idle (made room for another), refused (all others were busy), slow (a response was not read).",
		Labels: []string{"reason"},
	}
	cacheBytes = base.Metric{
		Name: "souk_router_cache_bytes", Kind: base.Gauge,
		Help:   "Estimated memory of the entries of an in-process cache.",
		Labels: []string{"cache"},
	}
	cacheEntries = base.Metric{
		Name: "souk_router_cache_entries", Kind: base.Gauge,
		Help:   "Entries in an in-process cache.",
		Labels: []string{"cache"},
	}

	subgraphDuration = base.Metric{
		Name: "souk_router_subgraph_request_duration_seconds", Kind: base.Histogram, Buckets: base.DurationBuckets(),
		Help:   "How long a request to a subgraph took, its retries among it.",
		Labels: []string{"subgraph"},
	}
	subgraphErrors = base.Metric{
		Name: "souk_router_subgraph_errors_total", Kind: base.Counter,
		Help:   "Requests to a subgraph that failed as a whole, by the extensions.code given to the client.",
		Labels: []string{"subgraph", "code"},
	}
	subgraphInFlight = base.Metric{
		Name: "souk_router_subgraph_requests_in_flight", Kind: base.Gauge,
		Help:   "Requests to a subgraph that have no answer yet.",
		Labels: []string{"subgraph"},
	}
	subgraphRetries = base.Metric{
		Name: "souk_router_subgraph_retries_total", Kind: base.Counter,
		Help:   "Requests sent to a subgraph again after a failure.",
		Labels: []string{"subgraph"},
	}
	subgraphReconnects = base.Metric{
		Name: "souk_router_subgraph_reconnects_total", Kind: base.Counter,
		Help:   "Attempts to open a subscription to a subgraph again after a failure.",
		Labels: []string{"subgraph"},
	}
	subgraphShared = base.Metric{
		Name: "souk_router_subgraph_shared_total", Kind: base.Counter,
		Help:   "Requests that were answered by an equal one already in flight.",
		Labels: []string{"subgraph"},
	}
	subgraphBreaker = base.Metric{
		Name: "souk_router_subgraph_breaker_state", Kind: base.Gauge,
		Help:   "State of a subgraph's circuit breaker: 0 closed, 1 half open, 2 open.",
		Labels: []string{"subgraph"},
	}

	entityLookups = base.Metric{
		Name: "souk_router_entity_cache_lookups_total", Kind: base.Counter,
		Help:   "Entities and root fetches looked up, by result: local (in-process), redis, miss, stale (invalidated or from before an outage), corrupt, unavailable (Redis could not be asked).",
		Labels: []string{"subgraph", "type", "result"},
	}
	entityStores = base.Metric{
		Name: "souk_router_entity_cache_stores_total", Kind: base.Counter,
		Help:   "Answers kept.",
		Labels: []string{"subgraph", "type"},
	}
	entityInvalidations = base.Metric{
		Name: "souk_router_entity_cache_invalidations_total", Kind: base.Counter,
		Help:   "Entities and types declared out of date, by source: event or api.",
		Labels: []string{"type", "source"},
	}
	entityLocalBytes = base.Metric{
		Name: "souk_router_entity_cache_local_bytes", Kind: base.Gauge,
		Help: "Memory held by the in-process layer.",
	}
	entityAvailable = base.Metric{
		Name: "souk_router_entity_cache_available", Kind: base.Gauge,
		Help: "1 while Redis is in use, 0 while requests go without it.",
	}
	entityEpochs = base.Metric{
		Name: "souk_router_entity_cache_epochs_total", Kind: base.Counter,
		Help: "Times all that Redis held was given up, since invalidations may have been missed.",
	}
	coprocessorDuration = base.Metric{
		Name: "souk_router_coprocessor_duration_seconds", Kind: base.Histogram, Buckets: base.DurationBuckets(),
		Help:   "How long calls of the coprocessor took, by stage; result is ok or failed.",
		Labels: []string{"stage", "result"},
	}
	redisDuration = base.Metric{
		Name: "souk_router_redis_duration_seconds", Kind: base.Histogram,
		Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .15, .25, .5},
		Help:    "How long Redis took, by what it was asked: lookup, begin, store, limit.",
		Labels:  []string{"operation"},
	}
	redisErrors = base.Metric{
		Name: "souk_router_redis_errors_total", Kind: base.Counter,
		Help:   "Commands that Redis failed or did not answer in time.",
		Labels: []string{"operation"},
	}

	dependencyUp = base.Metric{
		Name: "souk_router_dependency_up", Kind: base.Gauge,
		Help:   "1 while the last use of a dependency succeeded, 0 while it failed; absent before its first use. Kind is subgraph, redis, jwks, supergraph, configuration or coprocessor.",
		Labels: []string{"kind", "name"},
	}
	dependencyFailures = base.Metric{
		Name: "souk_router_dependency_failures_total", Kind: base.Counter,
		Help:   "Uses of a dependency that failed.",
		Labels: []string{"kind", "name"},
	}

	authentication = base.Metric{
		Name: "souk_router_authentication_total", Kind: base.Counter,
		Help:   "Requests by result: ok, anonymous, or why the token was refused.",
		Labels: []string{"result"},
	}
	deniedFields = base.Metric{
		Name: "souk_router_authorization_denied_fields_total", Kind: base.Counter,
		Help: "Fields kept from a caller by @authenticated, @requiresScopes or @policy.",
	}
	rateLimit = base.Metric{
		Name: "souk_router_rate_limit_total", Kind: base.Counter,
		Help:   "Decisions of the rate limit: allowed or limited; by says whether redis or, in its absence, the local bucket decided.",
		Labels: []string{"result", "by"},
	}
	shed = base.Metric{
		Name: "souk_router_shed_total", Kind: base.Counter,
		Help: "Requests refused with 503 because too many were under way.",
	}
	operationsJoined = base.Metric{
		Name: "souk_router_operations_joined_total", Kind: base.Counter,
		Help: "Queries answered by the execution of an equal one that was under way (traffic_shaping.router.deduplicate).",
	}
	costEstimated = base.Metric{
		Name: "souk_router_cost_estimated", Kind: base.Histogram,
		Buckets: []float64{1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 100000},
		Help:    "Estimated cost of operations (@cost, @listSize).",
	}
	costRejected = base.Metric{
		Name: "souk_router_cost_rejected_total", Kind: base.Counter,
		Help: "Operations refused because of their estimated cost.",
	}
)

// Definitions are the router's metrics.
func Definitions() []base.Metric {
	return []base.Metric{
		operationDuration, operationsInFlight, operationsJoined, graphqlErrors, subscriptionsActive, supergraphLoads,
		subscriptionUpstreams, subscriptionsJoined, subscriptionsDropped,
		planDuration, cacheRequests, cacheEvictions, cacheEntries, cacheBytes, connectionsClosed,
		subgraphDuration, subgraphErrors, subgraphInFlight, subgraphRetries, subgraphReconnects, subgraphShared, subgraphBreaker,
		entityLookups, entityStores, entityInvalidations, entityLocalBytes, entityAvailable, entityEpochs,
		coprocessorDuration, redisDuration, redisErrors, dependencyUp, dependencyFailures,
		authentication, deniedFields, rateLimit, shed, costEstimated, costRejected,
	}
}
