package events_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"souk/router/console/events"
)

// outboxes decodes the outboxes of a response, by service.
func outboxes(body map[string]any) map[string]map[string]any {
	out := map[string]map[string]any{}
	for _, one := range body["outbox"].([]any) {
		o := one.(map[string]any)
		out[o["service"].(string)] = o
	}
	return out
}

// TestWhatWasNeverReadIsNull: a service that does not report says nothing of its outbox, its
// dead letters, the streams and the orders, and the response says why.
func TestWhatWasNeverReadIsNull(t *testing.T) {
	source := &events.Services{Token: "secret", URLs: map[string]string{
		"problem": service(t, 503, `{"title":"Service Unavailable","detail":"Postgres cannot be reached."}`),
		"plain":   service(t, 503, `{"error":"Redis cannot be reached."}`),
		"mute":    service(t, 500, `<html>`),
		"gone":    "http://127.0.0.1:1",
	}}
	m := events.NewMonitor(source, time.Now, quiet)
	m.Poll(t.Context())
	_, body := do(t, m, "GET", "/console/api/events")
	for _, name := range []string{"dead", "streams", "orders"} {
		if value, there := body[name]; value != nil || !there {
			t.Errorf("%s is %v", name, value)
		}
	}
	reasons := map[string]string{
		"problem": "Postgres cannot be reached.", "plain": "Redis cannot be reached.", "mute": "it gave no reason for status 500", "gone": "connection refused",
	}
	for name, o := range outboxes(body) {
		for _, figure := range []string{"pending", "oldest_age", "published_per_second"} {
			if value, there := o[figure]; value != nil || !there {
				t.Errorf("%s: %s is %v", name, figure, value)
			}
		}
		reason, _ := o["reason"].(string)
		if !strings.Contains(reason, reasons[name]) || !strings.Contains(o["error"].(string), reason) {
			t.Errorf("%s: reason %q, error %v", name, reason, o["error"])
		}
	}
}

// TestNothingIsKnownWithoutAReport: the source has failed from the start.
func TestNothingIsKnownWithoutAReport(t *testing.T) {
	m := events.NewMonitor(&store{err: errors.New("away")}, time.Now, quiet)
	m.Poll(t.Context())
	if _, body := do(t, m, "GET", "/console/api/events"); body["dead"] != nil || body["streams"] != nil || body["orders"] != nil || body["error"] != "away" {
		t.Errorf("%v", body)
	}
}

// TestSlowServicesHaveAReason without the words of Go's errors.
func TestSlowServicesHaveAReason(t *testing.T) {
	hold := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hold }))
	defer slow.Close()
	defer close(hold)
	source := &events.Services{URLs: map[string]string{"order": slow.URL}, Client: &http.Client{Timeout: time.Millisecond}}
	report, err := source.Report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if o := report.Outbox[0]; o.Reason == nil || *o.Reason != "the service did not respond in time" || *o.Error != "connecting to order: "+*o.Reason {
		t.Errorf("%+v", o)
	}
}

// TestKnownDeadLettersStay while their service does not report, and can be retried.
func TestKnownDeadLettersStay(t *testing.T) {
	dead := func(service, id string) events.DeadLetter {
		return events.DeadLetter{Service: service, ID: id, EventID: "e" + id, Payload: json.RawMessage("{}")}
	}
	ids := func(body map[string]any) (out []string) {
		for _, one := range body["dead"].([]any) {
			out = append(out, one.(map[string]any)["service"].(string)+"/"+one.(map[string]any)["event_id"].(string))
		}
		return out
	}
	why := "frozen"
	source := &store{report: events.Report{
		Outbox: []events.Outbox{{Service: "order"}, {Service: "notification"}}, Dead: []events.DeadLetter{dead("order", "1"), dead("order", "2"), dead("notification", "3")},
	}}
	m := events.NewMonitor(source, time.Now, quiet)
	m.Poll(t.Context())
	source.set(events.Report{Outbox: []events.Outbox{{Service: "order", Error: &why}, {Service: "notification"}}}, nil)
	for range 2 {
		m.Poll(t.Context())
		if _, body := do(t, m, "GET", "/console/api/events"); strings.Join(ids(body), " ") != "order/e1 order/e2" {
			t.Errorf("order does not report: %v", body)
		}
	}
	source.set(events.Report{Outbox: []events.Outbox{{Service: "order", Error: &why}, {Service: "notification", Error: &why}}}, nil)
	if status, body := do(t, m, "POST", "/console/api/events/dead/order/1/retry"); status != http.StatusAccepted {
		t.Errorf("%d %v", status, body)
	}
	m.Poll(t.Context())
	if _, body := do(t, m, "GET", "/console/api/events"); strings.Join(ids(body), " ") != "order/e2" || body["streams"] != nil {
		t.Errorf("nothing reports: %v", body)
	}
	source.set(events.Report{Outbox: []events.Outbox{{Service: "order"}, {Service: "notification"}}}, nil)
	m.Poll(t.Context())
	if _, body := do(t, m, "GET", "/console/api/events"); len(ids(body)) != 0 || body["streams"] == nil {
		t.Errorf("all report: %v", body)
	}
}
