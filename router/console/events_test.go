package console_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"souk/router"
	"souk/router/console/events"
	"souk/router/gateway/config"
	"souk/telemetry"
)

// eventService is a service with one dead letter, which can be retried once.
func eventService(t *testing.T) (url string, retries *atomic.Int32) {
	retries = new(atomic.Int32)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer service-t0ken" {
			http.Error(w, "no token", http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, `{"outbox":[{"service":"order","pending":2,"oldest_age":1.5,"published_per_second":3}],
			"streams":[{"name":"souk:events","length":9,"groups":[{"name":"order","lag":1,"pending":2,"consumers":1}]}],
			"dead":[{"service":"order","stream":"souk:events","id":"7-0","type":"order.created","attempts":8,"error":"no such user","time":"2026-11-28T12:00:00Z","payload":{"id":1}}],
			"orders":{"by_state":{"pending":1},"max":100000}}`)
	})
	mux.HandleFunc("POST /events/dead/7-0/retry", func(w http.ResponseWriter, _ *http.Request) {
		if retries.Add(1) > 1 {
			w.WriteHeader(http.StatusConflict)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL, retries
}

// send sends a request to the console's API and returns the status and the JSON body.
func send(t *testing.T, method, url string, header http.Header) (status int, body map[string]any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, body
}

func TestEventsOfConfiguredServices(t *testing.T) {
	url, retries := eventService(t)
	s := newShop(t, func(c *config.Config) {
		c.Admin.Console.Events = config.ConsoleEvents{Services: map[string]string{"order": url}, Token: "service-t0ken"}
	})
	api := s.admin + "/console/api"
	authorized := http.Header{"Authorization": {"Bearer " + s.token}}
	if _, info := send(t, "GET", api+"/info", authorized); info["features"].(map[string]any)["events"] != true {
		t.Errorf("the features are %v", info["features"])
	}
	var state map[string]any
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		var status int
		if status, state = send(t, "GET", api+"/events", authorized); status == http.StatusOK {
			break
		}
		if status != http.StatusServiceUnavailable || time.Now().After(end) {
			t.Fatalf("status %d, %v", status, state)
		}
	}
	outbox, dead := state["outbox"].([]any)[0].(map[string]any), state["dead"].([]any)[0].(map[string]any)
	if outbox["service"] != "order" || outbox["pending"] != 2.0 || outbox["error"] != nil || dead["id"] != "7-0" || dead["error"] != "no such user" ||
		state["orders"].(map[string]any)["by_state"].(map[string]any)["pending"] != 1.0 {
		t.Errorf("the events are %v", state)
	}
	if lag := state["history"].(map[string]any)["outbox_lag"].([]any); len(lag) == 0 || lag[0] != 1.5 {
		t.Errorf("the lag is %v", lag)
	}

	for _, test := range []struct {
		name, path string
		header     http.Header
		want       int
	}{
		{name: "without the token", path: "/events/dead/order/7-0/retry", want: 401},
		{name: "another service", path: "/events/dead/user/7-0/retry", header: authorized, want: 404},
		{name: "another dead letter", path: "/events/dead/order/8-0/retry", header: authorized, want: 404},
		{name: "the dead letter", path: "/events/dead/order/7-0/retry", header: authorized, want: 202},
		{name: "again", path: "/events/dead/order/7-0/retry", header: authorized, want: 409},
	} {
		if status, body := send(t, "POST", api+test.path, test.header); status != test.want {
			t.Errorf("%s: status %d, want %d: %v", test.name, status, test.want, body)
		}
	}
	if got := retries.Load(); got != 2 {
		t.Errorf("the service got %d retries", got)
	}
}

// In development a request needs no token, so a page of another site must not be able to send
// one.
func TestOtherSitesCannotRetry(t *testing.T) {
	url, retries := eventService(t)
	s := newShop(t, func(c *config.Config) {
		c.Dev, c.Admin.Console.Token = true, ""
		c.Admin.Console.Events = config.ConsoleEvents{Services: map[string]string{"order": url}}
	})
	status, _ := send(t, "POST", s.admin+"/console/api/events/dead/order/7-0/retry", http.Header{"Sec-Fetch-Site": {"cross-site"}})
	if status != http.StatusForbidden || retries.Load() != 0 {
		t.Errorf("status %d, %d retries", status, retries.Load())
	}
}

// A source is an embedding program's own report of events.
type source struct{ polls chan struct{} }

func (s source) Report(ctx context.Context) (events.Report, error) {
	select {
	case s.polls <- struct{}{}:
	case <-ctx.Done():
	}
	return events.Report{Outbox: []events.Outbox{{Service: "own"}}}, nil
}

func (source) Retry(context.Context, string, string) error { return nil }

// A program that embeds the router can report events itself. Closing the router ends the
// polling.
func TestEventsOfEmbeddingProgram(t *testing.T) {
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.Admin.Console.Enabled, c.Admin.Console.Token = true, token
	c.Admin.Console.Events.Services = map[string]string{"order": "http://127.0.0.1:1"} // not used
	own := source{polls: make(chan struct{})}
	r, err := router.New(t.Context(), c, router.Options{Supergraph: sdl, Telemetry: tel, Extensions: router.Extensions{Events: own}})
	if err != nil {
		t.Fatal(err)
	}
	<-own.polls
	var body string
	for end := time.Now().Add(30 * time.Second); !strings.Contains(body, `"service":"own"`); {
		recorder := httptest.NewRecorder()
		request := httptest.NewRequestWithContext(t.Context(), "GET", "/console/api/events", http.NoBody)
		request.Header.Set("Authorization", "Bearer "+token)
		r.Admin().ServeHTTP(recorder, request)
		if body = recorder.Body.String(); time.Now().After(end) {
			t.Fatalf("the events are %s", body)
		}
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	select {
	case <-own.polls:
		t.Error("the router polls after it is closed")
	default:
	}
}
