package gateway

import (
	"encoding/json"
	"net/http"
	"time"

	"souk/router/dependency"
)

// MountHealth adds /health and /healthz, which say that the process serves, and
// /readiness and /readyz, which say whether requests should be sent to it. With
// details the latter name each dependency and its state.
func (gw *Gateway) MountHealth(mux *http.ServeMux, details bool) {
	alive := func(w http.ResponseWriter, _ *http.Request) { writeHealth(w, true, nil) }
	ready := func(w http.ResponseWriter, _ *http.Request) {
		var list []dependency.Status
		if details {
			list = gw.options.Dependencies.Status()
		}
		writeHealth(w, gw.Ready(), list)
	}
	mux.HandleFunc("GET /health", alive)
	mux.HandleFunc("GET /healthz", alive)
	mux.HandleFunc("GET /readiness", ready)
	mux.HandleFunc("GET /readyz", ready)
}

// Ready says whether the gateway wants requests: it has a supergraph and is
// not about to stop. No dependency takes part in this. All routers share them,
// so a failure would take all routers out of rotation at once, those too that
// could answer most requests without it.
func (gw *Gateway) Ready() bool { return gw.current.Load() != nil && !gw.draining.Load() }

// health is the body of an answer about health.
type health struct {
	Status       string             `json:"status"` // UP or DOWN
	Dependencies []dependencyHealth `json:"dependencies,omitempty"`
}

type dependencyHealth struct {
	Name   string     `json:"name"`   // subgraph/product
	Status string     `json:"status"` // UP, DOWN, or UNKNOWN before its first use
	Since  *time.Time `json:"since,omitempty"`
}

func writeHealth(w http.ResponseWriter, up bool, list []dependency.Status) {
	body := health{Status: "UP"}
	status := http.StatusOK
	if !up {
		body.Status, status = "DOWN", http.StatusServiceUnavailable
	}
	for _, d := range list {
		h := dependencyHealth{Name: string(d.Kind) + "/" + d.Name, Status: d.State.String()}
		if !d.Since.IsZero() {
			since := d.Since.UTC().Truncate(time.Second)
			h.Since = &since
		}
		body.Dependencies = append(body.Dependencies, h)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client is gone if this fails
}
