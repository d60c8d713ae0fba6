package console

import (
	"net/http"
	"time"
)

// A Canary is the state of a second variant of the router.
type Canary struct {
	Mode    string  `json:"mode"`
	Percent float64 `json:"percent"`
	By      string  `json:"by"`
	Header  string  `json:"header,omitempty"`
	Router  Variant `json:"router"`
	Canary  Variant `json:"canary"`
	// SubgraphURLs are those that only the canary has.
	SubgraphURLs map[string][]string `json:"subgraph_urls"`
	// Shadow counts the copies of queries since the start, by result. It is nil without copies.
	Shadow map[string]float64 `json:"shadow"`
	// Differences are the latest ones between responses, the newest first.
	Differences []Difference `json:"differences"`
}

// A Variant is the router or its canary.
type Variant struct {
	Name string `json:"name"`
	// Supergraph is a hash, and Source the file or the address that it is from.
	Supergraph string    `json:"supergraph"`
	Source     string    `json:"source"`
	Loaded     time.Time `json:"loaded"`
	// Operations counts those that have ended since the start, by outcome, with their mean
	// duration in seconds.
	Operations   map[string]float64 `json:"operations"`
	MeanDuration *float64           `json:"mean_duration"`
	// Failing are the dependencies that fail, such as subgraph/products.
	Failing []string `json:"failing"`
}

// A Difference is one between the response of the router and that of the canary.
type Difference struct {
	Time  time.Time `json:"time"`
	Count int       `json:"count"`
	Paths []string  `json:"paths"`
}

type canaryResponse struct {
	Canary *Canary `json:"canary"`
}

func (h *handler) canary(*http.Request) (any, error) {
	if h.Canary == nil {
		return canaryResponse{}, nil
	}
	out, now := h.Canary(), h.figures()
	out.Router.count(now)
	out.Canary.count(now)
	if out.Mode == "shadow" {
		out.Shadow = map[string]float64{}
		for _, m := range now["souk_router_canary_shadow_total"] {
			out.Shadow[label(m, "result")] = m.GetCounter().GetValue()
		}
	}
	if out.Differences == nil {
		out.Differences = []Difference{}
	}
	return canaryResponse{Canary: &out}, nil
}

// count sets the figures of a variant.
func (v *Variant) count(now figures) {
	v.Operations = map[string]float64{}
	if v.Failing == nil {
		v.Failing = []string{}
	}
	var count, sum float64
	for _, m := range now["souk_router_canary_operation_duration_seconds"] {
		if label(m, "variant") != v.Name {
			continue
		}
		n := float64(m.GetHistogram().GetSampleCount())
		v.Operations[label(m, "outcome")] += n
		count, sum = count+n, sum+m.GetHistogram().GetSampleSum()
	}
	if count > 0 {
		mean := sum / count
		v.MeanDuration = &mean
	}
}
