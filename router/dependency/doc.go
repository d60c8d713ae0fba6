// Package dependency watches what the router depends on: subgraphs, Redis, key
// sets, and the files it reads again when they change.
//
// Whoever uses a dependency reports how each use went. The first failure is
// logged with its cause, a lasting one once a minute with a count, and the
// recovery once. Every failure is counted in a metric, and [Set.Status] tells
// the state of each dependency, for readiness. Log lines hold no secrets: see
// [Set.Hide].
package dependency
