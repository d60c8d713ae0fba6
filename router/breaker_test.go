package router_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"souk/router/gateway/config"
)

// A subgraph hangs, and the router ends requests long before the timeout of the subgraph. Its circuit breaker opens.
func TestShortRouterTimeoutOpensTheCircuitBreaker(t *testing.T) {
	for _, shared := range []bool{false, true} {
		url := serveRouter(t, string(smallSDL), nil, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}, func(c *config.Config) {
			c.TrafficShaping.Router.Timeout, c.TrafficShaping.All.Timeout = 50*time.Millisecond, time.Minute
			c.TrafficShaping.All.DeduplicateQuery = &shared
		})
		for n := 0; ; n++ {
			response, err := http.Post(url+"/graphql", "application/json", strings.NewReader(`{"query":"{hello}"}`))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			response.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(body), "CIRCUIT_BREAKER_OPEN") {
				break
			}
			if n == 200 {
				t.Fatalf("with deduplication %t, the breaker is closed after %d requests: %s", shared, n, body)
			}
		}
	}
}
