// Package peer is how a service of the store calls another by GraphQL over
// HTTP: as a service (it shows the token services share), within a time, with
// retries that back off and jitter, and behind a circuit breaker, so that a
// peer that is down costs its callers little and is left alone to recover.
//
// It takes a peer's base URL and gives what genqlient's generated functions
// call. Calls are repeated, so mutations sent through it must be idempotent.
package peer
