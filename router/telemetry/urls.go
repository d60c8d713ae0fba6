package telemetry

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// A SubgraphURL has the metrics of one URL of a subgraph with several.
type SubgraphURL struct {
	OK, Failed prometheus.Counter
	// Breaker is 0 if closed, 1 if half-open and 2 if open.
	Breaker prometheus.Gauge

	close func()
}

// Close undoes one SubgraphURL. The last Close deletes the time series.
func (u *SubgraphURL) Close() { u.close() }

// SubgraphURL returns the metrics of a URL. Each needs a Close. The number of URLs is bounded by the
// configuration; an old and a new one may have the same for a while.
func (m *Metrics) SubgraphURL(subgraph, url string) *SubgraphURL { return m.urls(subgraph, url) }

func newSubgraphURLs(r prometheus.Registerer) func(subgraph, url string) *SubgraphURL {
	type key struct{ subgraph, url string }
	requests, breaker := urlRequests.NewCounter(r), urlBreaker.NewGauge(r)
	var mu sync.Mutex
	users := map[key]int{}
	return func(subgraph, url string) *SubgraphURL {
		mu.Lock()
		defer mu.Unlock()
		users[key{subgraph, url}]++
		return &SubgraphURL{
			OK: requests.WithLabelValues(subgraph, url, "ok"), Failed: requests.WithLabelValues(subgraph, url, "failed"),
			Breaker: breaker.WithLabelValues(subgraph, url),
			close: func() {
				mu.Lock()
				defer mu.Unlock()
				if users[key{subgraph, url}]--; users[key{subgraph, url}] == 0 {
					delete(users, key{subgraph, url})
					requests.DeletePartialMatch(prometheus.Labels{"subgraph": subgraph, "url": url})
					breaker.DeleteLabelValues(subgraph, url)
				}
			},
		}
	}
}
