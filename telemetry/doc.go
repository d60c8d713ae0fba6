// Package telemetry sets up what a process of Souk says about itself: traces
// (OpenTelemetry), metrics (Prometheus) and logs (slog).
//
// Setup takes the process's name and OpenTelemetry's standard environment
// variables and gives a Telemetry, whose parts are handed to whatever needs
// them: nothing here is global, so several services live in one process, each
// with its own. A server wraps its handler in Middleware and serves Handler at
// /metrics; a client wraps its http.RoundTripper in Transport.
//
// Traces are off unless an OTLP endpoint is given. They then cost next to
// nothing, and a caller's trace context is still handed on.
package telemetry
