package router

import (
	"context"

	"souk/router/dependency"
	"souk/router/subgraph"
	"souk/router/supergraph"
	"souk/router/telemetry"
)

// A urlHealth has the reports on the URLs of subgraphs that have several.
type urlHealth map[urlKey]urlReport

type urlKey struct{ subgraph, url string }

type urlReport struct {
	dependency *dependency.Dependency
	metrics    *telemetry.SubgraphURL
}

// openURLs returns the reports for the subgraphs of a supergraph. The caller must close them.
func (r *Router) openURLs(m *supergraph.Model) urlHealth {
	h := urlHealth{}
	for _, g := range m.Subgraphs {
		urls := r.config.OverrideSubgraphURLs.Of(g.Name, g.URL)
		if g.EventsOnly || len(urls) == 1 {
			continue
		}
		for _, url := range urls {
			label := subgraph.URLLabel(url)
			h[urlKey{g.Name, label}] = urlReport{
				dependency: r.dependencies.Open(dependency.SubgraphURL, urlName(g.Name, label), dependency.Use{Effect: withoutURL}),
				metrics:    r.metrics.SubgraphURL(g.Name, label),
			}
		}
	}
	return h
}

// urlName is the name of the dependency for a URL.
func urlName(subgraph, label string) string { return subgraph + " " + label }

func (h urlHealth) close() {
	for _, report := range h {
		report.dependency.Close()
		report.metrics.Close()
	}
}

// breaker reports the state of a circuit breaker.
func (h urlHealth) breaker(subgraph, url string, state int) {
	h[urlKey{subgraph, url}].metrics.Breaker.Set(float64(state))
}

// attempted reports the result of a request.
func (h urlHealth) attempted(ctx context.Context, subgraph, url string, err error) {
	report := h[urlKey{subgraph, url}]
	report.dependency.Observe(ctx, err)
	if err != nil {
		report.metrics.Failed.Inc()
	} else {
		report.metrics.OK.Inc()
	}
}
