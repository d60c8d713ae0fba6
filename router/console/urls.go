package console

import (
	"time"

	"souk/router/dependency"
	"souk/router/supergraph"
)

// A SubgraphURL is a URL that requests to a subgraph go to.
type SubgraphURL struct {
	// Label is the URL without what may be secret, as in metrics.
	Label string
	// Dependency is the name of its dependency if the subgraph has several URLs.
	Dependency string
}

// A urlState is the state of one URL of a subgraph with several.
type urlState struct {
	URL string `json:"url"`
	// Health, Breaker, Error and Since are as those of a subgraph, for requests to this URL.
	Health  string     `json:"health"`
	Breaker string     `json:"breaker"`
	Error   *string    `json:"error"`
	Since   *time.Time `json:"since"`
}

// urls returns the URLs of a subgraph.
func (h *handler) urls(g *supergraph.Subgraph) []SubgraphURL {
	if h.SubgraphURLs == nil {
		return []SubgraphURL{{Label: g.URL}}
	}
	return h.SubgraphURLs(g.Name, g.URL)
}

// urlStates returns the states of the URLs of a subgraph, or nil if it has only one.
func (h *handler) urlStates(g *supergraph.Subgraph, now figures) []urlState {
	urls := h.urls(g)
	if len(urls) == 1 {
		return nil
	}
	states, out := h.states(dependency.SubgraphURL), make([]urlState, len(urls))
	for i, u := range urls {
		d := states[u.Dependency]
		out[i] = urlState{URL: u.Label, Health: healthNames[d.State], Breaker: "none"}
		if h.hasBreaker(g.Name) {
			out[i].Breaker = breakerName(now.sum("souk_router_subgraph_url_breaker_state", "subgraph", g.Name, "url", u.Label))
		}
		if d.Problem != "" {
			out[i].Error = &d.Problem
		}
		if !d.Since.IsZero() {
			since := d.Since.UTC()
			out[i].Since = &since
		}
	}
	return out
}
