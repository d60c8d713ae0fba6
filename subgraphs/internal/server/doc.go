// Package server runs a subgraph as a process does: it takes the service's
// environment, its migrations and the function that builds it, opens Postgres
// and Redis, brings the database to the present schema, serves the service's
// pages besides /healthz, /readyz and /metrics, runs its workers, and drains
// all of it when its context ends.
//
// A request comes in here, passes telemetry, and goes on to the handler that
// the service built (package graphql).
package server
