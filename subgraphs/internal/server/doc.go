// Package server runs a service as a process. Run takes the configuration
// (environment.go), the migrations (migrate.go) and a Builder. It opens
// Postgres and Redis (resources.go; share.go divides the connections), migrates the database, builds the
// service, serves its handler along with /healthz, /readyz (health.go),
// /metrics and /events (events.go), runs its workers, and drains everything when its context ends.
// server.go is the hub.
//
// A request enters here, passes the telemetry middleware and continues to the
// handler that the service built (package graphql).
package server
