package server

import (
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"
	"time"
)

// checkTimeout bounds a check of Postgres and Redis.
const checkTimeout = 2 * time.Second

// health serves the probes of an orchestrator.
type health struct {
	resources *Resources
	draining  atomic.Bool
}

// live reports that the process serves requests.
func (h *health) live(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// readiness is the response of /readyz.
type readiness struct {
	Status string            `json:"status"` // ready, unready, draining
	Checks map[string]string `json:"checks"` // ok, or the problem
}

// ready reports whether the service can handle requests. They need Postgres.
// Without Redis, events wait in the outbox and requests still succeed, so
// Redis is only reported.
func (h *health) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	answer := readiness{Status: "ready", Checks: map[string]string{"postgres": "ok", "redis": "ok"}}
	status := http.StatusOK
	redis := make(chan error, 1)
	go func() { redis <- h.resources.Redis.Ping(ctx).Err() }()
	if err := h.resources.DB.Ping(ctx); err != nil {
		answer.Status, answer.Checks["postgres"], status = "unready", "unreachable", http.StatusServiceUnavailable
		h.resources.Logger.WarnContext(ctx, "Postgres is unreachable", "error", err)
	}
	// The bound also holds for a client that does not observe ctx, such as while
	// it connects.
	select {
	case err := <-redis:
		if err != nil {
			answer.Checks["redis"] = "unreachable; events wait in the outbox"
		}
	case <-ctx.Done():
		answer.Checks["redis"] = "unreachable; events wait in the outbox"
	}
	if h.draining.Load() {
		answer.Status, status = "draining", http.StatusServiceUnavailable
	}
	writeJSON(w, status, answer)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone if this fails
}
