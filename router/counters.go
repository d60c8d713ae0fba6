package router

import (
	"souk/internal/netlimit"
	"souk/router/auth"
	"souk/router/canary"
	"souk/router/eventsource"
	"souk/router/execute"
	"souk/router/limit"
	"souk/router/operation"
	routertelemetry "souk/router/telemetry"
)

// exportCounters makes the time series of counters exist before they first count: Prometheus
// sees no increase in a series that begins with 1. Codes of errors that subgraphs choose
// begin when they first occur.
func exportCounters(m *routertelemetry.Metrics) {
	for _, code := range []string{
		execute.CodeHTTP, execute.CodeTimeout, execute.CodeMalformed, execute.CodeCircuitOpen, execute.CodeSubgraphOverloaded, execute.CodeDownstream,
		execute.CodeInvalidValue, execute.CodeRejected, execute.CodeOverloaded, execute.CodeCancelled, execute.CodeShuttingDown, execute.CodeInternal,
		operation.CodeParseFailed, operation.CodeValidationFailed, operation.CodeOperationUnknown, operation.CodeBadVariables,
		auth.CodeUnauthenticated, auth.CodeUnavailable, auth.CodeUnauthorized, limit.CodeRateLimited, limit.CodeTooCostly, limit.CodeTooCostlyForSubgraph,
		eventsource.CodeLastEventID, eventsource.CodeEventsLost, eventsource.CodeTooManyTopics,
	} {
		m.GraphQLError(code)
	}
	for _, code := range []string{
		operation.CodeMaxDepth, operation.CodeMaxAliases, operation.CodeMaxRootFields, operation.CodeMaxDirectives, operation.CodeMaxFields, operation.CodeMaxHeight,
		operation.CodeMaxTokens, operation.CodeMaxRecursion, operation.CodeMaxListItems, limit.CodeRateLimited,
		execute.CodeMaxRepresentations, execute.CodeMaxResponseBytes, limit.CodeTooCostly, limit.CodeTooCostlyForSubgraph,
		execute.CodeOverloaded, execute.CodeSubgraphOverloaded,
	} {
		m.LimitExceeded(code)
	}
	for _, result := range []string{"ok", "anonymous", "refused", "unavailable"} {
		m.Authentication(result)
	}
	for _, reason := range []netlimit.Reason{netlimit.Idle, netlimit.Refused, netlimit.Rate, netlimit.Slow} {
		m.ConnectionClosed(string(reason))
	}
	for _, result := range []string{"ok", "refused"} {
		m.Uploads(result)
	}
	for _, result := range []string{"changed", "same", "failed"} {
		m.Replanned(result)
	}
	for _, action := range []string{"check", "next", "complete", "other"} {
		for _, result := range []string{"ok", "unknown", "unauthorized", "invalid"} {
			m.Callback(action, result)
		}
	}
	for _, result := range canary.Results() {
		m.Shadow(result)
	}
	for _, command := range []string{"lookup", "begin", "store", "limit"} {
		m.Redis(command)
	}
}

// exportSubgraph does the same for the failures of a subgraph.
func exportSubgraph(metrics *routertelemetry.Subgraph) {
	for _, code := range []string{
		execute.CodeHTTP, execute.CodeTimeout, execute.CodeMalformed, execute.CodeCircuitOpen, execute.CodeSubgraphOverloaded,
		execute.CodeRejected, execute.CodeOverloaded, execute.CodeInternal,
	} {
		metrics.Error(code)
	}
}
