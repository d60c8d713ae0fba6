// Package telemetry holds the router's own instruments: what each stage of a
// request counts and times, beyond what souk/telemetry measures for every
// service.
//
// New registers all of them with a Prometheus registry and gives a Metrics.
// Each stage asks once, when it is made, for the series it will use (those of
// one subgraph, one cache), so that counting costs an atomic add and no memory.
// docs/metrics.md is written from the definitions here.
package telemetry
