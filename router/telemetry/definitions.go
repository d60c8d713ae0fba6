package telemetry

import base "souk/telemetry"

var (
	operationDuration = base.Metric{
		Name: "souk_router_operation_duration_seconds", Kind: base.Histogram, Buckets: base.DurationBuckets(),
		Help:   "Duration of an operation, by outcome: data, partial (data and errors), errors, or client_errors (the client caused all errors).",
		Labels: []string{"graphql_operation_type", "outcome"},
	}
	operationsEnded = base.Metric{
		Name: "souk_router_operations_total", Kind: base.Counter,
		Help:   "Operations and events of subscriptions, by outcome: data, partial (data and errors), errors, or client_errors (the client caused all errors; telemetry.client_error_codes). Unlike the histogram of durations, it includes operations that were rejected or joined another one.",
		Labels: []string{"outcome"},
	}
	operationsInFlight = base.Metric{
		Name: "souk_router_operations_in_flight", Kind: base.Gauge,
		Help: "Operations in flight.",
	}
	graphqlErrors = base.Metric{
		Name: "souk_router_graphql_errors_total", Kind: base.Counter,
		Help:   "Errors in responses, by extensions.code. Codes after the first 100 are counted as _OTHER.",
		Labels: []string{"code"},
	}
	subscriptionsActive = base.Metric{
		Name: "souk_router_subscriptions_active", Kind: base.Gauge,
		Help: "Open client subscriptions.",
	}
	subscriptionUpstreams = base.Metric{
		Name: "souk_router_subscription_upstreams_active", Kind: base.Gauge,
		Help: "Open subscriptions to subgraphs. Identical subscriptions of the same caller share one.",
	}
	subscriptionsJoined = base.Metric{
		Name: "souk_router_subscriptions_joined_total", Kind: base.Counter,
		Help: "Client subscriptions that joined a subscription already open to the subgraph.",
	}
	subscriptionsDropped = base.Metric{
		Name: "souk_router_subscriptions_dropped_total", Kind: base.Counter,
		Help: "Client subscriptions ended because the client read too slowly.",
	}
	eventsTotal = base.Metric{
		Name: "souk_router_events_total", Kind: base.Counter,
		Help:   "Events of message brokers (@eventStream), by provider, template of the topic and result. Of the router's reader: received, and too_large (event_sources.max_event_bytes). Of each subscription: sent, filtered (the filter does not hold) or invalid (not JSON of the field's type). Identical subscriptions of the same caller count once.",
		Labels: []string{"provider", "topic", "result"},
	}
	eventSubscribers = base.Metric{
		Name: "souk_router_event_subscribers_active", Kind: base.Gauge,
		Help:   "Open subscriptions to events of message brokers. Identical subscriptions of the same caller count once.",
		Labels: []string{"provider", "topic"},
	}
	eventsBehind = base.Metric{
		Name: "souk_router_event_queue_overflows_total", Kind: base.Counter,
		Help:   "How often the queue of a subscription to events was full (subscriptions.queue_events and queue_bytes). The router then reads the events from the broker again, when the client has caught up.",
		Labels: []string{"provider", "topic"},
	}
	eventReconnects = base.Metric{
		Name: "souk_router_event_reconnects_total", Kind: base.Counter,
		Help:   "Attempts to read a topic of a message broker again after a failure.",
		Labels: []string{"provider", "topic"},
	}
	callbackMessages = base.Metric{
		Name: "souk_router_subscription_callback_messages_total", Kind: base.Counter,
		Help:   "Messages of subscriptions by HTTP callback, by action (check, next, complete or other) and result: ok, unknown (the subscription is not open), unauthorized (a wrong verifier) or invalid.",
		Labels: []string{"action", "result"},
	}
	subgraphHeartbeatsLost = base.Metric{
		Name: "souk_router_subgraph_heartbeats_lost_total", Kind: base.Counter,
		Help:   "Subscriptions by HTTP callback for which a subgraph has stopped sending heartbeats.",
		Labels: []string{"subgraph"},
	}
	uploadRequests = base.Metric{
		Name: "souk_router_file_upload_requests_total", Kind: base.Counter,
		Help:   "Requests with files (file_uploads), by result: ok (the files were read as far as subgraphs needed them) or refused (a limit, or a request that is not valid).",
		Labels: []string{"result"},
	}
	uploadBytes = base.Metric{
		Name: "souk_router_file_upload_bytes_total", Kind: base.Counter,
		Help: "Bytes of files that clients have sent.",
	}
	supergraphLoads = base.Metric{
		Name: "souk_router_supergraph_loads_total", Kind: base.Counter,
		Help:   "Supergraph loads, by result: ok or failed.",
		Labels: []string{"result"},
	}
	supergraphWaiting = base.Metric{
		Name: "souk_router_supergraph_waiting", Kind: base.Gauge,
		Help: "1 while a new supergraph waits until its subgraphs serve it (supergraph.wait_for_subgraphs), otherwise 0.",
	}

	planDuration = base.Metric{
		Name: "souk_router_plan_duration_seconds", Kind: base.Histogram,
		Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
		Help:    "Duration of planning an operation that was not in the plan cache.",
	}
	plansReplaced = base.Metric{
		Name: "souk_router_plans_replaced_total", Kind: base.Counter,
		Help:   "Plans that were made again because the search for a better plan had ended early, or latencies of subgraphs changed (query_planner.weigh_latency), by result: changed, same or failed.",
		Labels: []string{"result"},
	}
	cacheRequests = base.Metric{
		Name: "souk_router_cache_requests_total", Kind: base.Counter,
		Help:   "Lookups in the in-process caches (document, plan, persisted_document, policy), by result: hit or miss.",
		Labels: []string{"cache", "result"},
	}
	trustedDocuments = base.Metric{
		Name: "souk_router_trusted_documents_total", Kind: base.Counter,
		Help:   "Requests if there are trusted documents, by client and result: known or unknown. Clients after the first 50 are counted as _OTHER.",
		Labels: []string{"client", "result"},
	}
	cacheEvictions = base.Metric{
		Name: "souk_router_cache_evictions_total", Kind: base.Counter,
		Help:   "Values evicted from an in-process cache, or refused by it, for lack of room.",
		Labels: []string{"cache"},
	}
	connectionsClosed = base.Metric{
		Name: "souk_router_connections_closed_total", Kind: base.Counter,
		Help:   "Client connections closed to enforce a limit, by reason: idle (closed in favor of a new connection), refused (all other connections were busy), rate (the client opened connections too fast) or slow (the client did not read a response).",
		Labels: []string{"reason"},
	}
	cacheBytes = base.Metric{
		Name: "souk_router_cache_bytes", Kind: base.Gauge,
		Help:   "Estimated memory of the entries in an in-process cache.",
		Labels: []string{"cache"},
	}
	cacheEntries = base.Metric{
		Name: "souk_router_cache_entries", Kind: base.Gauge,
		Help:   "Entries in an in-process cache.",
		Labels: []string{"cache"},
	}

	subgraphDuration = base.Metric{
		Name: "souk_router_subgraph_request_duration_seconds", Kind: base.Histogram, Buckets: base.DurationBuckets(),
		Help:   "Duration of a request to a subgraph, including retries.",
		Labels: []string{"subgraph"},
	}
	subgraphErrors = base.Metric{
		Name: "souk_router_subgraph_errors_total", Kind: base.Counter,
		Help:   "Requests to a subgraph that failed entirely, by the extensions.code sent to the client.",
		Labels: []string{"subgraph", "code"},
	}
	subgraphRefusals = base.Metric{
		Name: "souk_router_subgraph_refusals_total", Kind: base.Counter,
		Help:   "Responses of a subgraph without data, of which the client caused all errors (telemetry.client_error_codes).",
		Labels: []string{"subgraph"},
	}
	subgraphInFlight = base.Metric{
		Name: "souk_router_subgraph_requests_in_flight", Kind: base.Gauge,
		Help:   "Requests to a subgraph in flight.",
		Labels: []string{"subgraph"},
	}
	subgraphRetries = base.Metric{
		Name: "souk_router_subgraph_retries_total", Kind: base.Counter,
		Help:   "Retries of requests to a subgraph.",
		Labels: []string{"subgraph"},
	}
	subgraphReconnects = base.Metric{
		Name: "souk_router_subgraph_reconnects_total", Kind: base.Counter,
		Help:   "Attempts to reopen a subscription to a subgraph after a failure.",
		Labels: []string{"subgraph"},
	}
	subgraphShared = base.Metric{
		Name: "souk_router_subgraph_shared_total", Kind: base.Counter,
		Help:   "Requests to a subgraph that use the response of an identical request in flight.",
		Labels: []string{"subgraph"},
	}
	subgraphLimit = base.Metric{
		Name: "souk_router_subgraph_concurrency_limit", Kind: base.Gauge,
		Help:   "Adaptive limit of requests in flight to a subgraph (traffic_shaping.*.adaptive_limit).",
		Labels: []string{"subgraph"},
	}
	subgraphShed = base.Metric{
		Name: "souk_router_subgraph_shed_total", Kind: base.Counter,
		Help:   "Requests to a subgraph that were not sent because of its adaptive limit.",
		Labels: []string{"subgraph"},
	}
	operationsLimit = base.Metric{
		Name: "souk_router_concurrency_limit", Kind: base.Gauge,
		Help: "Adaptive limit of operations in flight (traffic_shaping.router.adaptive_limit), or 0 without one.",
	}
	subgraphBreaker = base.Metric{
		Name: "souk_router_subgraph_breaker_state", Kind: base.Gauge,
		Help:   "State of a subgraph's circuit breaker: 0 closed, 1 half-open, 2 open. Of several URLs, it is the lowest state: 2 means that all are open.",
		Labels: []string{"subgraph"},
	}
	urlRequests = base.Metric{
		Name: "souk_router_subgraph_url_requests_total", Kind: base.Counter,
		Help:   "Requests to a URL of a subgraph with several (override_subgraph_urls), including retries, by result: ok or failed.",
		Labels: []string{"subgraph", "url", "result"},
	}
	urlBreaker = base.Metric{
		Name: "souk_router_subgraph_url_breaker_state", Kind: base.Gauge,
		Help:   "State of the circuit breaker of a URL of a subgraph with several: 0 closed, 1 half-open, 2 open.",
		Labels: []string{"subgraph", "url"},
	}

	entityLookups = base.Metric{
		Name: "souk_router_entity_cache_lookups_total", Kind: base.Counter,
		Help:   "Lookups of entities and root fetches, by result: local (found in the process), redis, miss, stale (invalidated, or older than an outage), expired (used although expired, while it is refreshed or the subgraph fails), corrupt or unavailable (Redis was not available).",
		Labels: []string{"subgraph", "type", "result"},
	}
	entityStores = base.Metric{
		Name: "souk_router_entity_cache_stores_total", Kind: base.Counter,
		Help:   "Entities and root fetches stored in Redis.",
		Labels: []string{"subgraph", "type"},
	}
	entityInvalidations = base.Metric{
		Name: "souk_router_entity_cache_invalidations_total", Kind: base.Counter,
		Help:   "Invalidated entities and types, by source: event, api or mutation.",
		Labels: []string{"type", "source"},
	}
	entityTagInvalidations = base.Metric{
		Name: "souk_router_entity_cache_tag_invalidations_total", Kind: base.Counter,
		Help:   "Invalidated cache tags, by source: event or api.",
		Labels: []string{"source"},
	}
	entityUntagged = base.Metric{
		Name: "souk_router_entity_cache_untagged_total", Kind: base.Counter,
		Help:   "Entities and root fetches that are not cached because a value of a cache tag is missing, or because there are too many cache tags or too long ones.",
		Labels: []string{"subgraph", "type"},
	}
	entityComparisons = base.Metric{
		Name: "souk_router_entity_cache_comparisons_total", Kind: base.Counter,
		Help:   "Values found in Redis that were compared with the subgraph's response (response_cache.compare), by result: equal or different.",
		Labels: []string{"subgraph", "type", "result"},
	}
	entityWait = base.Metric{
		Name: "souk_router_entity_cache_wait_seconds", Kind: base.Histogram, Buckets: base.DurationBuckets(),
		Help:   "Time that a request waited for entries that another request or router fetches (response_cache.refill_wait), by result: filled (it found them), taken (it fetches them, because the other router took too long or they have been invalidated), no_value (the response of the subgraph cannot be stored), timeout, canceled or unavailable (Redis was not available).",
		Labels: []string{"result"},
	}
	entityWaiting = base.Metric{
		Name: "souk_router_entity_cache_waiting", Kind: base.Gauge,
		Help: "Requests that wait for entries that another request or router fetches.",
	}
	entityAge = base.Metric{
		Name: "souk_router_entity_cache_age_seconds", Kind: base.Histogram,
		Buckets: []float64{.5, 1, 5, 15, 30, 60, 300, 900, 3600, 86400},
		Help:    "Age of values found in Redis.",
		Labels:  []string{"subgraph", "type"},
	}
	entityLocalBytes = base.Metric{
		Name: "souk_router_entity_cache_local_bytes", Kind: base.Gauge,
		Help: "Memory of the in-process layer of the entity cache.",
	}
	entityAvailable = base.Metric{
		Name: "souk_router_entity_cache_available", Kind: base.Gauge,
		Help: "1 while the entity cache uses Redis, 0 while it does not.",
	}
	entityEpochs = base.Metric{
		Name: "souk_router_entity_cache_epochs_total", Kind: base.Counter,
		Help: "Times the entity cache discarded everything in Redis because it may have missed invalidations.",
	}
	variantDuration = base.Metric{
		Name: "souk_router_canary_operation_duration_seconds", Kind: base.Histogram, Buckets: base.DurationBuckets(),
		Help:   "Duration of an operation while there is a canary, by variant: main, canary or shadow (a copy of a query), and outcome: ok or errors.",
		Labels: []string{"variant", "outcome"},
	}
	shadowResults = base.Metric{
		Name: "souk_router_canary_shadow_total", Kind: base.Counter,
		Help:   "Requests chosen to be copied to the canary, by result: equal or different (responses), failed (the copy has no response), dropped (the queue was full) or skipped (no query, or too large).",
		Labels: []string{"result"},
	}
	coprocessorDuration = base.Metric{
		Name: "souk_router_coprocessor_duration_seconds", Kind: base.Histogram, Buckets: base.DurationBuckets(),
		Help:   "Duration of calls of the coprocessor, by stage and result: ok or failed.",
		Labels: []string{"stage", "result"},
	}
	redisDuration = base.Metric{
		Name: "souk_router_redis_duration_seconds", Kind: base.Histogram,
		Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .15, .25, .5},
		Help:    "Duration of Redis commands, by operation: lookup, begin, store or limit.",
		Labels:  []string{"operation"},
	}
	redisErrors = base.Metric{
		Name: "souk_router_redis_errors_total", Kind: base.Counter,
		Help:   "Redis commands that failed or timed out.",
		Labels: []string{"operation"},
	}

	dependencyUp = base.Metric{
		Name: "souk_router_dependency_up", Kind: base.Gauge,
		Help:   "1 if the last use of a dependency succeeded, 0 if it failed; absent before the first use. The kind is subgraph, subgraph_url (a URL of a subgraph with several), redis, jwks, supergraph, configuration or coprocessor.",
		Labels: []string{"kind", "name"},
	}
	dependencyFailures = base.Metric{
		Name: "souk_router_dependency_failures_total", Kind: base.Counter,
		Help:   "Failed uses of a dependency.",
		Labels: []string{"kind", "name"},
	}
	certificateExpiry = base.Metric{
		Name: "souk_router_certificate_expiry_timestamp_seconds", Kind: base.Gauge,
		Help:   "Unix time at which a certificate expires, by owner: server (the first of its chain to expire) or client. The certificates are those of TLS connections to a dependency, from the first connection on, and those that the router presents on its own ports (kind port, owner server).",
		Labels: []string{"kind", "name", "owner"},
	}

	authentication = base.Metric{
		Name: "souk_router_authentication_total", Kind: base.Counter,
		Help:   "Requests by result of authentication: ok, anonymous, refused (the token is not valid) or unavailable (tokens cannot be verified).",
		Labels: []string{"result"},
	}
	deniedFields = base.Metric{
		Name: "souk_router_authorization_denied_fields_total", Kind: base.Counter,
		Help: "Fields denied to a caller by @authenticated, @requiresScopes or @policy.",
	}
	rateLimit = base.Metric{
		Name: "souk_router_rate_limit_total", Kind: base.Counter,
		Help:   "Decisions of the rate limit, by result (allowed or limited) and by decider: redis or, while Redis is unavailable, local.",
		Labels: []string{"result", "by"},
	}
	shed = base.Metric{
		Name: "souk_router_shed_total", Kind: base.Counter,
		Help: "Requests rejected with 503 because too many were in flight.",
	}
	operationsJoined = base.Metric{
		Name: "souk_router_operations_joined_total", Kind: base.Counter,
		Help: "Queries that use the response of an identical query in flight (traffic_shaping.router.deduplicate).",
	}
	responsesStreamed = base.Metric{
		Name: "souk_router_responses_streamed_total", Kind: base.Counter,
		Help: "Responses of which a part was sent while the last subgraph response still arrived (traffic_shaping.router.stream_responses).",
	}
	costEstimated = base.Metric{
		Name: "souk_router_cost_estimated", Kind: base.Histogram, Buckets: costBuckets,
		Help: "Estimated cost of operations (@cost, @listSize), also of those that are rejected.",
	}
	costRejected = base.Metric{
		Name: "souk_router_cost_rejected_total", Kind: base.Counter,
		Help: "Operations rejected because of their estimated cost, or of that of their requests to a subgraph.",
	}
	limitsExceeded = base.Metric{
		Name: "souk_router_limits_exceeded_total", Kind: base.Counter,
		Help:   "Operations beyond a limit that are executed, because limits.mode, limits.modes, rate_limit.mode or demand_control.measure says so, by the code that they would be rejected with.",
		Labels: []string{"code"},
	}
)

// Definitions returns the definitions of the router's metrics.
func Definitions() []base.Metric {
	return []base.Metric{
		operationDuration, operationsEnded, operationsInFlight, operationsJoined, responsesStreamed, graphqlErrors, subscriptionsActive, supergraphLoads, supergraphWaiting,
		subscriptionUpstreams, subscriptionsJoined, subscriptionsDropped, eventsTotal, eventSubscribers, eventsBehind, eventReconnects, callbackMessages, subgraphHeartbeatsLost, uploadRequests, uploadBytes,
		planDuration, plansReplaced, cacheRequests, trustedDocuments, cacheEvictions, cacheEntries, cacheBytes, connectionsClosed,
		subgraphDuration, subgraphErrors, subgraphRefusals, subgraphInFlight, subgraphRetries, subgraphReconnects, subgraphShared, subgraphBreaker, urlRequests, urlBreaker, subgraphLimit, subgraphShed, operationsLimit,
		entityLookups, entityStores, entityInvalidations, entityTagInvalidations, entityUntagged, entityComparisons, entityWait, entityWaiting, entityAge, entityLocalBytes, entityAvailable, entityEpochs,
		variantDuration, shadowResults,
		coprocessorDuration, redisDuration, redisErrors, dependencyUp, dependencyFailures, certificateExpiry,
		authentication, deniedFields, rateLimit, shed, costEstimated, costActual, costRejected, subgraphCost, namedCost, clientCost, limitsExceeded,
		namedDuration, clientDuration, deprecatedUse, accessLogDropped, mcpCalls, mcpDuration,
	}
}
