// Package dev runs all of Souk in one process: Postgres, Redis, an inbox for
// the messages that the store sends, a simulated payment provider and carrier,
// the five services and the router. Each part has a port of its own, and the
// databases hold sample data. `souk dev` and the end-to-end tests use it.
//
// system.go is the hub: Start starts the parts in order and System.Stop stops
// them in reverse. component.go runs a part in a goroutine. services.go,
// payment.go, carrier.go, router.go and redis.go start the parts, and
// redis_streams.go and redis_groups.go make the streams of the in-process Redis
// fast; outage.go stops and restarts them for tests. sample.go fills the databases of a store
// that is not running. Package hostcheck protects them against
// DNS rebinding. progress.go and welcome.go write for the terminal, and
// telemetry.go sets up logs and traces.
package dev
