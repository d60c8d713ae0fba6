// Package observability holds the monitoring of the store on a cluster:
// Prometheus's rules (rules/), Grafana's dashboards (dashboards/), and the
// configuration of both, of Alertmanager and of the OpenTelemetry Collector (config/).
// Command ../configmaps turns the files into ConfigMaps. The package has only tests.
// They check that every query parses and uses metrics that the running store
// exports, and that rules and traces are correct for a store in use. Package faults, a
// module of its own, breaks a running store and checks which alerts fire.
package observability
