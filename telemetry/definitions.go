package telemetry

// The names are those of OpenTelemetry's semantic conventions for HTTP, as its
// Prometheus exporters write them.
var (
	serverDuration = Metric{
		Name: "http_server_request_duration_seconds", Kind: Histogram, Buckets: DurationBuckets(),
		Help:   "How long it took to answer a request.",
		Labels: []string{"http_request_method", "http_route", "http_response_status_code"},
	}
	serverActive = Metric{
		Name: "http_server_active_requests", Kind: Gauge,
		Help:   "Requests being answered now.",
		Labels: []string{"http_request_method"},
	}
	clientDuration = Metric{
		Name: "http_client_request_duration_seconds", Kind: Histogram, Buckets: DurationBuckets(),
		Help:   "How long it took until another service's answer began; error_type is set when none came.",
		Labels: []string{"http_request_method", "server_address", "http_response_status_code", "error_type"},
	}
)

// Metrics are the metrics every service has, besides those of the Go runtime
// and the process (go_*, process_*).
func Metrics() []Metric {
	return []Metric{serverDuration, serverActive, clientDuration}
}
