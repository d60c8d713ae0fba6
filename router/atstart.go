package router

import (
	"slices"

	"souk/router/gateway/config"
)

// readAtStart are the keys that the servers of the ports read when they start. A change takes effect
// when the router restarts. Those that decide where it listens must not change at all.
var readAtStart = []string{
	"http.server", "http.http2", "http.http2_max_concurrent_streams",
	"limits.http_max_header_bytes", "limits.http_header_timeout", "limits.http_write_timeout", "limits.http_idle_timeout",
	"limits.http_max_connections", "limits.http_connection_rate",
}

// waiting returns the keys of readAtStart that differ from those in use.
func waiting(started, next *config.Config) []string {
	var keys []string
	for _, c := range config.Diff(started, next) {
		if slices.Contains(readAtStart, c.Key) {
			keys = append(keys, c.Key)
		}
	}
	return keys
}
