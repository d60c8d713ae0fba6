// Package telemetry defines the router's own Prometheus metrics. Package
// souk/telemetry has the metrics that all services share.
//
// [New] registers the metrics and returns a [Metrics]. Every stage of a request
// uses them. When a stage is created, it fetches the time series it needs, such as
// those of one subgraph or cache, so that counting takes an atomic add and does not
// allocate. The hub is metrics.go; definitions.go defines the metrics, and docs/metrics.md
// is generated from it. outcome.go tells the errors of clients from failures, and names.go
// has the metrics by the names of operations and clients, whose number it bounds; trusted.go
// bounds those of clients with trusted documents. cost.go has the costs of operations,
// events.go the events of message brokers, tools.go the calls of agents, and urls.go the URLs
// of subgraphs that have several.
// instruments.go has the metrics that the configuration defines,
// events.go the events of message brokers, and tools.go the calls of agents.
package telemetry
