// Package dependency tracks the availability of what the router depends on:
// subgraphs, Redis, key sets, and the files it watches.
//
// Code that uses a dependency reports the result of each use. The package logs the
// first failure with its cause, a lasting failure once per minute with a count,
// and the recovery. It counts every failure in a metric. [Set.Status] returns the
// state of each dependency for readiness checks. Log lines contain no secrets; see
// [Set.Hide].
//
// The hub is set.go, which holds the dependencies. dependency.go is the state of
// one of them, redis.go adapts go-redis,
// certificates.go observes TLS connections, and secrets.go redacts messages.
package dependency
