package events_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"souk/router/console/events"
)

// A store is a source whose state the test sets.
type store struct {
	mu      sync.Mutex
	report  events.Report
	err     error
	retried []string
	retry   error
	polls   int
}

func (s *store) Report(context.Context) (events.Report, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.polls++
	return s.report, s.err
}

func (s *store) Retry(_ context.Context, service, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retried = append(s.retried, service+"/"+id)
	return s.retry
}

func (s *store) set(r events.Report, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report, s.err = r, err
}

var quiet = slog.New(slog.DiscardHandler)

// do sends a request to a monitor's endpoints, and decodes a JSON response.
func do(t *testing.T, m *events.Monitor, method, path string) (status int, body map[string]any) {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody)
	recorder := httptest.NewRecorder()
	m.Handler("/console/api/").ServeHTTP(recorder, request)
	if text := recorder.Body.String(); strings.HasPrefix(text, "{") {
		if err := json.Unmarshal([]byte(text), &body); err != nil {
			t.Fatal(err)
		}
	}
	return recorder.Code, body
}

func TestMonitorKeepsAnHourOfHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &store{report: events.Report{Outbox: []events.Outbox{{Service: "order", Pending: 3, OldestAge: 1.5}}}}
		m := events.NewMonitor(source, time.Now, quiet)
		if status, _ := do(t, m, "GET", "/console/api/events"); status != http.StatusServiceUnavailable {
			t.Errorf("before the first report: status %d", status)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { m.Run(ctx) })
		time.Sleep(time.Minute) // of the test's clock
		synctest.Wait()
		source.set(events.Report{}, errors.New("the store is away"))
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		source.set(events.Report{Outbox: []events.Outbox{{Service: "order"}}}, nil)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		cancel()
		running.Wait()
		_, body := do(t, m, "GET", "/console/api/events")
		history := body["history"].(map[string]any)
		times, lag := history["times"].([]any), history["outbox_lag"].([]any)
		if len(times) != 720 || len(lag) != 720 {
			t.Fatalf("the history has %d times and %d values", len(times), len(lag))
		}
		if span := times[719].(float64) - times[0].(float64); span != 719*5 {
			t.Errorf("the history spans %v s", span)
		}
		if lag[0] != nil || lag[719] != 0.0 {
			t.Errorf("the lag goes from %v to %v", lag[0], lag[719])
		}
	})
}

func TestMonitorKeepsLastReportDuringAnOutage(t *testing.T) {
	source := &store{report: events.Report{Outbox: []events.Outbox{{Service: "order", Pending: 3, OldestAge: 1.5}}}}
	m := events.NewMonitor(source, time.Now, quiet)
	m.Poll(t.Context())
	if _, body := do(t, m, "GET", "/console/api/events"); body["dead"] == nil || body["streams"] == nil {
		t.Errorf("lists are null: %v", body)
	}
	source.set(events.Report{}, errors.New("the store is away"))
	m.Poll(t.Context())
	status, body := do(t, m, "GET", "/console/api/events")
	if status != http.StatusOK || body["error"] != "the store is away" || len(body["outbox"].([]any)) != 1 {
		t.Errorf("status %d, %v", status, body)
	}
	lag := body["history"].(map[string]any)["outbox_lag"].([]any)
	if lag[0] != 1.5 || lag[1] != nil {
		t.Errorf("the lag is %v", lag)
	}
}

func TestRetryReportsItsOutcome(t *testing.T) {
	for _, test := range []struct {
		name   string
		err    error
		want   int
		detail string
	}{
		{name: "retried", want: http.StatusAccepted},
		{name: "gone", err: events.ErrNotFound, want: http.StatusNotFound, detail: "no such dead letter"},
		{name: "retried before", err: events.ErrRetried, want: http.StatusConflict, detail: "already been retried"},
		{name: "unreachable", err: errors.New("connection refused"), want: http.StatusBadGateway, detail: "connection refused"},
	} {
		t.Run(test.name, func(t *testing.T) {
			source := &store{retry: test.err, report: events.Report{Dead: []events.DeadLetter{
				{Service: "order", ID: "1-1", Payload: json.RawMessage("{}")},
				{Service: "order", ID: "1-2", Payload: json.RawMessage("{}")},
			}}}
			m := events.NewMonitor(source, time.Now, quiet)
			m.Poll(t.Context())
			status, body := do(t, m, "POST", "/console/api/events/dead/order/1-1/retry")
			if status != test.want || test.detail != "" && !strings.Contains(body["detail"].(string), test.detail) {
				t.Errorf("status %d, %v", status, body)
			}
			_, body = do(t, m, "GET", "/console/api/events")
			if left := len(body["dead"].([]any)); (left == 1) != (test.err == nil) {
				t.Errorf("%d dead letters are left", left)
			}
		})
	}
}

// service is an HTTP server with a fixed response.
func service(t *testing.T, status int, body string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			t.Errorf("the token is %q", r.Header.Get("Authorization"))
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestServicesAreJoined(t *testing.T) {
	reports := func(service, more string) string {
		return `{"outbox":[{"service":"` + service + `","pending":1,"oldest_age":2,"published_per_second":3}],
			"streams":[{"name":"souk:events","length":9,"groups":[{"name":"notification","lag":1,"pending":2,"consumers":1}]}]` + more + `}`
	}
	source := &events.Services{Token: "secret", URLs: map[string]string{
		"order":        service(t, 200, reports("order", `,"orders":{"by_state":{"pending":4},"max":100000}`)),
		"notification": service(t, 200, reports("someone else", `,"dead":[{"service":"x","id":"1-1","time":"2026-11-28T13:00:00Z","payload":{}}]`)) + "/",
		"huge":         service(t, 200, strings.Repeat(" ", 2<<20)),
		"broken":       service(t, 200, "<html>"),
		"empty":        service(t, 200, "{}"),
		"locked":       service(t, 401, ""),
		"old":          service(t, 404, ""),
		"redirecting":  service(t, 307, ""),
		"gone":         "http://127.0.0.1:1",
	}}
	report, err := source.Report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	failures := map[string]string{
		"broken": "decoding the response", "empty": "0 outboxes", "gone": "connecting to gone", "huge": "longer than",
		"locked": "admin.console.events.token", "old": "EVENTS_TOKEN", "redirecting": "307",
	}
	for _, o := range report.Outbox {
		if want := failures[o.Service]; want == "" && (o.Error != nil || o.Pending != 1) {
			t.Errorf("%s: %+v", o.Service, o)
		} else if want != "" && (o.Error == nil || !strings.Contains(*o.Error, want)) {
			t.Errorf("%s: %+v", o.Service, o)
		}
	}
	if len(report.Outbox) != 9 || report.Outbox[0].Service != "broken" || len(report.Streams) != 1 || len(report.Streams[0].Groups) != 1 {
		t.Errorf("%+v", report)
	}
	if len(report.Dead) != 1 || report.Dead[0].Service != "notification" || report.Orders.ByState["pending"] != 4 {
		t.Errorf("dead letters %+v, orders %+v", report.Dead, report.Orders)
	}
	if err := source.Retry(t.Context(), "unknown", "1-1"); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("retry at an unknown service: %v", err)
	}
}

func TestServicesRetryAtTheirService(t *testing.T) {
	for status, want := range map[int]error{202: nil, 404: events.ErrNotFound, 409: events.ErrRetried} {
		source := &events.Services{Token: "secret", URLs: map[string]string{"order": service(t, status, "")}}
		if err := source.Retry(t.Context(), "order", "1-1"); !errors.Is(err, want) {
			t.Errorf("status %d: %v", status, err)
		}
	}
	source := &events.Services{Token: "secret", URLs: map[string]string{"order": service(t, 500, "")}}
	if err := source.Retry(t.Context(), "order", "1-1"); err == nil || !strings.Contains(err.Error(), "500") {
		t.Errorf("status 500: %v", err)
	}
}
