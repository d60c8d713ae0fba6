// Package telemetry sets up traces (OpenTelemetry), metrics (Prometheus) and logs
// (slog) for a service.
//
// [Setup] takes the name of the service and the standard environment variables of
// OpenTelemetry and returns a [Telemetry]. Apart from the error handler of
// OpenTelemetry, it sets no globals, so several services can run in one process. A
// server wraps its handler in Middleware and serves Handler at /metrics. A client
// wraps its http.RoundTripper in Transport.
//
// Traces are off unless an OTLP endpoint is configured. Even then, trace contexts of
// callers are propagated, at almost no cost.
//
// The hub is setup.go. traces.go and log.go set up traces and logs, standardlog.go
// redirects the logs of libraries, metric.go and
// definitions.go define metrics, and server.go and client.go measure requests.
package telemetry
