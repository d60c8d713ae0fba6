// Package observability holds what the store is watched by on a cluster:
// Prometheus's rules, Grafana's dashboards and the configuration of both and of
// the OpenTelemetry Collector; ../configmaps makes ConfigMaps of the files. Its
// tests check that every query parses and names metrics that the running store
// exports, and that rules and traces are right for a store in use.
package observability
