package events

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// A state is the response to GET /events.
type state struct {
	Report
	// Time is when the state was read. Error says why it could not be read again.
	Time    time.Time `json:"time"`
	Error   *string   `json:"error"`
	History history   `json:"history"`
}

// A history has a value for each time. The values are null when a service did not report.
type history struct {
	Times   []int64    `json:"times"`          // Unix time in seconds
	Lag     []*float64 `json:"outbox_lag"`     // age in seconds of the oldest unpublished event
	Pending []*int     `json:"outbox_pending"` // unpublished events
	Dead    []*int     `json:"dead"`           // dead letters, as far as they are reported
}

// state returns the last report and the history.
func (m *Monitor) state() (s state, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s = state{Report: m.last, Time: m.read.UTC(), History: history{
		Times: make([]int64, len(m.history)), Lag: make([]*float64, len(m.history)),
		Pending: make([]*int, len(m.history)), Dead: make([]*int, len(m.history)),
	}}
	for i, at := range m.history {
		s.History.Times[i] = at.time.Unix()
		if at.known {
			s.History.Lag[i], s.History.Pending[i], s.History.Dead[i] = &at.lag, &at.pending, &at.dead
		}
	}
	if m.failure != nil {
		message := m.failure.Error()
		s.Error = &message
	}
	s.Outbox = list(s.Outbox)
	if m.reported && s.reports() { // otherwise it is unknown whether there are any
		s.Streams, s.Dead = list(s.Streams), list(s.Dead)
	}
	return s, !m.read.IsZero()
}

// list returns a slice that is not nil, so that it is a list in JSON and not null.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// Handler returns the handler for two endpoints below a prefix that ends in a slash, such as
// /console/api/. The caller authenticates the requests and rejects those that other sites
// forge.
//
//	GET  events
//	POST events/dead/{service}/{id}/retry
func (m *Monitor) Handler(prefix string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+prefix+"events", m.serveState)
	mux.HandleFunc("POST "+prefix+"events/dead/{service}/{id}/retry", m.serveRetry)
	return mux
}

func (m *Monitor) serveState(w http.ResponseWriter, _ *http.Request) {
	s, ok := m.state()
	if !ok {
		w.Header().Set("Retry-After", "1")
		problem(w, http.StatusServiceUnavailable, "The first report about events is not complete yet. Try again in 1 s.")
		return
	}
	write(w, http.StatusOK, "application/json", s)
}

func (m *Monitor) serveRetry(w http.ResponseWriter, r *http.Request) {
	service, id := r.PathValue("service"), r.PathValue("id")
	err := m.retry(r.Context(), service, id)
	switch {
	case err == nil:
		m.logger.InfoContext(r.Context(), "a dead letter was retried from the console", "service", service, "dead_letter", id)
		write(w, http.StatusAccepted, "application/json", map[string]string{"service": service, "id": id})
	case errors.Is(err, ErrNotFound):
		problem(w, http.StatusNotFound, "There is no such dead letter. It may have been removed or retried.")
	case errors.Is(err, ErrRetried):
		problem(w, http.StatusConflict, "This dead letter has already been retried. If its event fails again, it becomes a new dead letter.")
	default:
		m.logger.WarnContext(r.Context(), "could not retry a dead letter", "service", service, "dead_letter", id, "error", err)
		problem(w, http.StatusBadGateway, "Could not retry the dead letter: "+err.Error())
	}
}

// problem writes a problem document (RFC 9457).
func problem(w http.ResponseWriter, status int, detail string) {
	write(w, status, "application/problem+json", map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail,
	})
}

func write(w http.ResponseWriter, status int, mediaType string, v any) {
	body, err := json.Marshal(v)
	if err != nil { // a payload that is not JSON
		status, mediaType, body = http.StatusInternalServerError, "text/plain", []byte("could not encode the response")
	}
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone
}
