// Package telemetry sets up traces (OpenTelemetry), metrics (Prometheus) and logs
// (slog) for a service.
//
// [Setup] takes the name of the service and the standard environment variables of
// OpenTelemetry and returns a [Telemetry]. Apart from the error handler of
// OpenTelemetry, it sets no globals, so several services can run in one process. A
// server wraps its handler in Middleware and serves Handler at /metrics. A client
// wraps its http.RoundTripper in Transport.
//
// Nothing is exported unless an OTLP endpoint or an exporter is configured. Even then, trace
// contexts of callers are propagated, at almost no cost.
//
// The hub is setup.go. signals.go exports traces, metrics and logs as the environment says,
// prometheus.go serves metrics at a port of its own if it says so, validtext.go makes texts valid UTF-8 for it, exemplars.go corrects trace IDs of exemplars,
// losses.go bounds what waits for its export and counts what is lost, propagation.go carries
// trace contexts over HTTP. others.go adds metrics of other registries. log.go sets up the local
// log, standardlog.go redirects the logs of libraries, metric.go and definitions.go define metrics, and server.go and client.go measure
// requests.
package telemetry
