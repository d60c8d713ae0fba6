package gateway

import (
	"encoding/json"
	"net/http"
	"time"

	"souk/router/dependency"
)

// MountHealth adds the liveness and the readiness endpoints. With details, readiness
// responses list each dependency and its state.
func (gw *Gateway) MountHealth(mux *http.ServeMux, details bool) {
	alive := func(w http.ResponseWriter, _ *http.Request) { writeHealth(w, true, nil) }
	ready := func(w http.ResponseWriter, _ *http.Request) {
		var list []dependency.Status
		if details {
			list = gw.options.Dependencies.Status()
		}
		writeHealth(w, gw.Ready(), list)
	}
	for _, path := range gw.config.Health.LivenessPaths {
		mux.HandleFunc("GET "+Exactly(path), alive)
	}
	for _, path := range gw.config.Health.ReadinessPaths {
		mux.HandleFunc("GET "+Exactly(path), ready)
	}
}

// Ready reports whether the gateway accepts requests: it has a supergraph and is not
// shutting down. The state of dependencies does not matter. All routers share the same
// dependencies, so a failing one would remove every router from rotation, although
// each could still answer most requests.
func (gw *Gateway) Ready() bool { return gw.current.Load() != nil && !gw.draining.Load() }

// health is the body of a health response.
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
	_ = json.NewEncoder(w).Encode(body) // an error means that the client has disconnected
}
