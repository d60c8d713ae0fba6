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
	Since             *time.Time `json:"since"`
	Requests          uint64     `json:"requests"`
	RequestsPerSecond float64    `json:"requests_per_second"`
	ErrorRate         float64    `json:"error_rate"`
	P50               float64    `json:"p50"`
	P95               float64    `json:"p95"`
	P99               float64    `json:"p99"`
	InFlight          float64    `json:"in_flight"`
	Retries           float64    `json:"retries"` // since the start
	Shared            float64    `json:"shared"`  // since the start
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
			Requests: t.Requests, RequestsPerSecond: t.PerSecond(), ErrorRate: t.ErrorRate(), P50: t.P50, P95: t.P95, P99: t.P99,
			InFlight: now.sum("souk_router_subgraph_requests_in_flight", "subgraph", g.Name),
			Retries:  now.sum("souk_router_subgraph_retries_total", "subgraph", g.Name),
			Shared:   now.sum("souk_router_subgraph_shared_total", "subgraph", g.Name),
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
