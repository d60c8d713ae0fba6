package console

import (
	"net/http"
	"time"

	"souk/router/dependency"
)

type subgraphsResponse struct {
	Subgraphs []subgraphStats `json:"subgraphs"`
}

type subgraphStats struct {
	Name string `json:"name"`
	URL  string `json:"url"`
	// Health is ok, failing or unknown (not used yet).
	Health string `json:"health"`
	// Breaker is closed, half-open, open or none.
	Breaker string `json:"breaker"`
	// Error is the last failure if the subgraph is failing.
	Error *string `json:"error"`
	// Since is when Health changed; nil if it never did.
	Since *time.Time `json:"since"`
	// Requests are the fetches that sent a request. The rates and latencies are theirs.
	Requests          uint64  `json:"requests"`
	RequestsPerSecond float64 `json:"requests_per_second"`
	ErrorRate         float64 `json:"error_rate"`
	latencies
	InFlight float64 `json:"in_flight"`
	// Shared are the fetches that used the response of an identical request in flight, Refused
	// those that the router did not allow to send one.
	Shared  uint64 `json:"shared"`
	Refused uint64 `json:"refused"`
	Retries uint64 `json:"retries"`
}

var (
	healthNames  = map[dependency.State]string{dependency.Unknown: "unknown", dependency.Up: "ok", dependency.Down: "failing"}
	breakerNames = [...]string{"closed", "half-open", "open"}
)

func (h *handler) subgraphs(r *http.Request) (any, error) {
	length, err := window(r, 60)
	if err != nil {
		return nil, err
	}
	s, ok := h.Gateway.Supergraph()
	if !ok {
		return nil, errClosed
	}
	states := map[string]dependency.Status{}
	for _, d := range h.Dependencies.Status() {
		if d.Kind == dependency.Subgraph {
			states[d.Name] = d
		}
	}
	stats, now := h.Recorder.Subgraphs(seconds(length)), h.figures()
	out := subgraphsResponse{Subgraphs: []subgraphStats{}}
	for _, g := range s.Model.Subgraphs {
		t, d := stats[g.Name], states[g.Name]
		one := subgraphStats{
			Name: g.Name, URL: g.URL, Health: healthNames[d.State], Breaker: "none",
			Requests: t.Requests, RequestsPerSecond: t.PerSecond(), ErrorRate: t.ErrorRate(), latencies: latenciesOf(t),
			InFlight: now.sum("souk_router_subgraph_requests_in_flight", "subgraph", g.Name),
			Shared:   t.Shared, Refused: t.Refused, Retries: t.Retries,
		}
		if h.SubgraphURL != nil {
			one.URL = h.SubgraphURL(g.Name, g.URL)
		}
		if h.Breaker == nil || h.Breaker(g.Name) {
			state := int(now.sum("souk_router_subgraph_breaker_state", "subgraph", g.Name))
			one.Breaker = breakerNames[min(max(state, 0), len(breakerNames)-1)]
		}
		if d.Problem != "" {
			one.Error = &d.Problem
		}
		if !d.Since.IsZero() {
			since := d.Since.UTC()
			one.Since = &since
		}
		out.Subgraphs = append(out.Subgraphs, one)
	}
	return out, nil
}
