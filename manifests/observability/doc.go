// Package observability holds what the store is watched by on a cluster:
// Prometheus's rules, Grafana's dashboards and the configuration of both and of
// the OpenTelemetry Collector. Its tests write them into
// ../11-observability-config.yaml, check that they are current there, that
// every query parses and names metrics that the running store exports, and that
// rules and traces are right for a store under load.
package observability
