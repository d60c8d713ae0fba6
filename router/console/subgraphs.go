package console

import (
	"cmp"
	"net/http"
	"time"

	"souk/router/dependency"
)

type subgraphsResponse struct {
	Subgraphs []subgraphStats `json:"subgraphs"`
}

type subgraphStats struct {
	Name string `json:"name"`
	// URL is the only URL, or the first; URLs has all if there are several.
	URL  string     `json:"url"`
	URLs []urlState `json:"urls,omitempty"`
	// Health is ok, failing or unknown (not used yet). A subgraph is failing if its last request
	// failed, or if most requests of the last minute had errors and no data.
	Health string `json:"health"`
	// Breaker is closed, half-open, open or none.
	Breaker string `json:"breaker"`
	// Error is the last failure: of a request, or an error of a response in the window.
	Error *string `json:"error"`
	// Since is when Health changed; nil if it never did, or if that is not known.
	Since *time.Time `json:"since"`
	// Requests are the fetches that sent a request. The rates and latencies are theirs. Errors
	// counts those that failed or got errors, WithoutData those of them that got no data.
	Requests          uint64  `json:"requests"`
	RequestsPerSecond float64 `json:"requests_per_second"`
	Errors            uint64  `json:"errors"`
	ErrorRate         float64 `json:"error_rate"`
	WithoutData       uint64  `json:"without_data"`
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

func (h *handler) hasBreaker(subgraph string) bool { return h.Breaker == nil || h.Breaker(subgraph) }

func breakerName(state float64) string {
	return breakerNames[min(max(int(state), 0), len(breakerNames)-1)]
}

// states returns the states of the dependencies of a kind by name.
func (h *handler) states(kind dependency.Kind) map[string]dependency.Status {
	states := map[string]dependency.Status{}
	for _, d := range h.Dependencies.Status() {
		if d.Kind == kind {
			states[d.Name] = d
		}
	}
	return states
}

func (h *handler) subgraphs(r *http.Request) (any, error) {
	length, err := window(r, 60)
	if err != nil {
		return nil, err
	}
	s, ok := h.Gateway.Supergraph()
	if !ok {
		return nil, errClosed
	}
	states := h.states(dependency.Subgraph)
	stats, now := h.Recorder.Subgraphs(seconds(length)), h.figures()
	out := subgraphsResponse{Subgraphs: []subgraphStats{}}
	for _, g := range s.Model.Subgraphs {
		t, d := stats[g.Name], states[g.Name]
		one := subgraphStats{
			Name: g.Name, URL: h.urls(g)[0].Label, URLs: h.urlStates(g, now), Health: healthNames[d.State], Breaker: "none",
			Requests: t.Requests, RequestsPerSecond: t.PerSecond(), Errors: t.Errors, ErrorRate: t.ErrorRate(), WithoutData: t.NoData, latencies: latenciesOf(t.Stats),
			InFlight: now.sum("souk_router_subgraph_requests_in_flight", "subgraph", g.Name),
			Shared:   t.Shared, Refused: t.Refused, Retries: t.Retries,
		}
		if h.hasBreaker(g.Name) {
			one.Breaker = breakerName(now.sum("souk_router_subgraph_breaker_state", "subgraph", g.Name))
		}
		if problem := cmp.Or(d.Problem, t.Problem); problem != "" {
			one.Error = &problem
		}
		if t.Failing && d.State != dependency.Down {
			one.Health = healthNames[dependency.Down]
		} else if !d.Since.IsZero() {
			since := d.Since.UTC()
			one.Since = &since
		}
		out.Subgraphs = append(out.Subgraphs, one)
	}
	return out, nil
}
