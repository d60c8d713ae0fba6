package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
	"time"

	"souk/router/console/events"
)

// EventsToken is the variable with the token for /events. Without it, the
// service has no /events.
const EventsToken = "EVENTS_TOKEN"

// eventsTimeout bounds a report and a retry.
const eventsTimeout = 3 * time.Second

// eventsAdmin shows the state of the service's events to the router's console
// and retries dead letters.
type eventsAdmin struct {
	resources *Resources
	orders    func(ctx context.Context, limit int64) (map[string]int64, error) // nil: the service has none
	token     [sha256.Size]byte                                                // hashed, to compare in constant time
}

// mountEvents adds GET /events and POST /events/dead/{id}/retry if the
// environment has a token for them.
func mountEvents(mux *http.ServeMux, r *Resources, service *Service) {
	token, _ := r.Lookup(EventsToken)
	if token == "" {
		return
	}
	a := &eventsAdmin{resources: r, orders: service.Orders, token: sha256.Sum256([]byte(token))}
	mux.HandleFunc("GET /events", a.authenticated(a.report))
	mux.HandleFunc("POST /events/dead/{id}/retry", a.authenticated(a.retry))
}

func (a *eventsAdmin) authenticated(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		sent := sha256.Sum256([]byte(strings.TrimSpace(token)))
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(sent[:], a.token[:]) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			writeJSON(w, http.StatusUnauthorized, eventsError{"Send Authorization: Bearer with the token in EVENTS_TOKEN."})
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), eventsTimeout)
		defer cancel()
		next(w, r.WithContext(ctx))
	}
}

type eventsError struct {
	Error string `json:"error"`
}

func (a *eventsAdmin) report(w http.ResponseWriter, r *http.Request) {
	report, err := a.resources.Events.Report(r.Context())
	if err == nil && a.orders != nil {
		report.Orders = &events.Orders{Max: events.MaxOrders}
		report.Orders.ByState, err = a.orders(r.Context(), events.MaxOrders)
	}
	if err != nil {
		a.resources.Logger.WarnContext(r.Context(), "could not report on events", "error", err)
		writeJSON(w, http.StatusServiceUnavailable, eventsError{"Postgres or Redis cannot be reached."})
		return
	}
	writeJSON(w, http.StatusOK, report)
}

func (a *eventsAdmin) retry(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	err := a.resources.Events.Retry(r.Context(), id)
	switch {
	case err == nil:
		a.resources.Logger.InfoContext(r.Context(), "retrying a dead letter", "dead_letter", id)
		writeJSON(w, http.StatusAccepted, struct{}{})
	case errors.Is(err, events.ErrNotFound):
		writeJSON(w, http.StatusNotFound, eventsError{"There is no such dead letter."})
	case errors.Is(err, events.ErrRetried):
		writeJSON(w, http.StatusConflict, eventsError{"The dead letter has already been retried."})
	default:
		a.resources.Logger.WarnContext(r.Context(), "could not retry a dead letter", "dead_letter", id, "error", err)
		writeJSON(w, http.StatusServiceUnavailable, eventsError{"Redis cannot be reached."})
	}
}
