package gateway_test

import (
	"net/http"
	"testing"
	"time"

	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
)

const tokenHeader = "X-GraphQL-Event-Stream-Token: "

// reserved makes a reservation and returns its token.
func reserved(t *testing.T, url string, headers ...string) string {
	t.Helper()
	got := send(t, http.MethodPut, url, "", headers...)
	if got.status != http.StatusCreated || got.body == "" {
		t.Fatalf("reservation: got status %d, %s", got.status, got.body)
	}
	return got.body
}

func openReserved(t *testing.T, url string, headers ...string) *eventStream {
	t.Helper()
	return openStream(t, url, "", headers...)
}

func streamed(id, document string) string {
	return `{"query":"` + document + `","extensions":{"operationId":"` + id + `"}}`
}

func TestOperationsShareOneReservedStream(t *testing.T) {
	f, gw, url := startFeed(t, nil)
	token := tokenHeader + reserved(t, url)
	if got := send(t, http.MethodPost, url, streamed("early", "{ hello }"), token); got.status != http.StatusAccepted {
		t.Errorf("operation before its stream: got status %d, %s", got.status, got.body)
	}
	s := openReserved(t, url, token)
	s.want("event: next", `data: {"id":"early","payload":{"data":{"hello":"hi"}}}`, "event: complete", `data: {"id":"early"}`)
	if got := send(t, http.MethodPost, url, streamed("1", "subscription { count(to: 3) }"), token); got.status != http.StatusAccepted || got.body != "" {
		t.Errorf("subscription: got status %d, %s", got.status, got.body)
	}
	f.upstream(t, 0).send(t, "1")
	s.want("event: next", `data: {"id":"1","payload":{"data":{"count":1}}}`)

	for name, c := range map[string]struct {
		method, url, body, token string
		status                   int
	}{
		"second stream":               {method: http.MethodPost, url: url, token: token, status: http.StatusConflict},
		"operation's id":              {method: http.MethodPost, url: url, body: streamed("1", "{ hello }"), token: token, status: http.StatusConflict},
		"no id":                       {method: http.MethodPost, url: url, body: `{"query":"{ hello }"}`, token: token, status: http.StatusBadRequest},
		"invalid document":            {method: http.MethodPost, url: url, body: streamed("2", "{ nope }"), token: token, status: http.StatusUnprocessableEntity},
		"unknown token":               {method: http.MethodPost, url: url, body: streamed("2", "{ hello }"), token: tokenHeader + "es_unknown", status: http.StatusNotFound},
		"delete an unknown operation": {method: http.MethodDelete, url: url, token: token, status: http.StatusBadRequest},
	} {
		if got := send(t, c.method, c.url, c.body, c.token, "Accept: text/event-stream"); got.status != c.status {
			t.Errorf("%s: got status %d, %s, want %d", name, got.status, got.body, c.status)
		}
	}

	if got := send(t, http.MethodDelete, url+"?operationId=1", "", token); got.status != http.StatusOK {
		t.Errorf("ending an operation: got status %d, %s", got.status, got.body)
	}
	<-f.upstream(t, 0).closed

	// When the router stops, the client reconnects.
	send(t, http.MethodPost, url, streamed("3", "subscription { count(to: 3) }"), token)
	second := f.upstream(t, 1)
	gw.Close()
	<-second.closed
	s.wantEnd()
}

// Only its caller can use a reservation.
func TestReservationBelongsToItsCaller(t *testing.T) {
	f, _, url := startFeed(t, func(_ *config.Config, o *gateway.Options) {
		o.Caller = func(r *http.Request) execute.Caller {
			return execute.Caller{Scope: r.Header.Get("Subject"), Header: r.Header}
		}
	})
	token := tokenHeader + reserved(t, url, "Subject: ada")
	for _, subject := range []string{"Subject: eve", "Subject: "} {
		for method, body := range map[string]string{http.MethodPost: streamed("1", "mutation { add(n: 1) }"), http.MethodDelete: ""} {
			if got := send(t, method, url+"?operationId=1", body, token, subject); got.status != http.StatusNotFound {
				t.Errorf("%s for %q: got status %d, %s", method, subject, got.status, got.body)
			}
		}
		if got := send(t, http.MethodPost, url, "", token, subject, "Accept: text/event-stream"); got.status != http.StatusNotFound {
			t.Errorf("stream for %q: got status %d", subject, got.status)
		}
	}
	if f.count() > 0 {
		t.Error("another caller's operation ran")
	}
	openReserved(t, url, token, "Subject: ada")
}

func TestReservationsAreBounded(t *testing.T) {
	_, _, url := startFeed(t, func(c *config.Config, _ *gateway.Options) { c.Subscriptions.SingleConnection.MaxReservations = 1 })
	reserved(t, url)
	if got := send(t, http.MethodPut, url, ""); got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
		t.Errorf("reservation beyond the limit: got status %d", got.status)
	}

	_, _, url = startFeed(t, func(c *config.Config, _ *gateway.Options) {
		c.Subscriptions.SingleConnection.MaxReservations, c.Subscriptions.SingleConnection.Timeout = 1, time.Millisecond
	})
	token := tokenHeader + reserved(t, url)
	eventually(t, func() bool { return send(t, http.MethodPut, url, "").status == http.StatusCreated })
	if got := send(t, http.MethodPost, url, "", token, "Accept: text/event-stream"); got.status != http.StatusNotFound {
		t.Errorf("stream after the timeout: got status %d", got.status)
	}
}
