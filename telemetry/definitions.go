package telemetry

// The names follow the OpenTelemetry semantic conventions for HTTP, in the form used
// by its Prometheus exporters.
var (
	serverDuration = Metric{
		Name: "http_server_request_duration_seconds", Kind: Histogram, Buckets: DurationBuckets(),
		Help:   "Duration of a server request. That of a stream (server-sent events, multipart/mixed, WebSocket) is the time until it began.",
		Labels: []string{"http_request_method", "http_route", "http_response_status_code"},
	}
	serverActive = Metric{
		Name: "http_server_active_requests", Kind: Gauge,
		Help:   "Server requests in flight, with open streams.",
		Labels: []string{"http_request_method"},
	}
	exportDropped = Metric{
		Name: "souk_telemetry_dropped_total", Kind: Counter,
		Help:   "Spans and log records that were not exported by OTLP, by signal (traces or logs) and reason: queue_full or export_failed.",
		Labels: []string{"signal", "reason"},
	}
	logDropped = Metric{
		Name: "souk_telemetry_log_lines_dropped_total", Kind: Counter,
		Help: "Lines of the log that were dropped because standard error did not take them.",
	}
	clientDuration = Metric{
		Name: "http_client_request_duration_seconds", Kind: Histogram, Buckets: DurationBuckets(),
		Help:   "Time until the response of another service started. error_type is set if there was no response.",
		Labels: []string{"http_request_method", "server_address", "http_response_status_code", "error_type"},
	}
)

// Metrics returns the metrics that every service has, in addition to those of the Go
// runtime and the process (go_*, process_*).
func Metrics() []Metric {
	return []Metric{serverDuration, serverActive, clientDuration, exportDropped, logDropped}
}
