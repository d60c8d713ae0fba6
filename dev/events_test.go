package dev_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"souk/dev"
	"souk/dev/internal/deadlettertest"
	"souk/internal/redistest"
)

// console sends a request to the API of the router's console and returns the status and the
// JSON body.
func (s *store) console(t *testing.T, method, path string) (status int, body map[string]any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.URL("admin")+"/console/api"+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
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

// An order event of a user who does not exist cannot be handled. When the user exists, a retry
// from the console sends the message, once.
func TestDeadLetterIsRetriedFromTheConsole(t *testing.T) {
	t.Parallel()
	s := open(t, dev.Options{RedisURL: "redis://" + redistest.Start(t)})
	deadlettertest.Order(t, s.System)
	var state map[string]any
	dead := func() []any {
		var status int
		if status, state = s.console(t, "GET", "/events"); status != http.StatusOK {
			return nil
		}
		return state["dead"].([]any)
	}
	eventually(t, readyWithin, "the event is dead", func() bool { return len(dead()) == 1 })
	letter := dead()[0].(map[string]any)
	if letter["service"] != "notification" || letter["type"] != "order.created" || letter["payload"].(map[string]any)["orderId"] != "4711" ||
		letter["error"] != "order.created is for user 99999, which does not exist" {
		t.Errorf("the dead letter is %v", letter)
	}
	for _, o := range state["outbox"].([]any) {
		if problem := o.(map[string]any)["error"]; problem != nil {
			t.Errorf("a service does not report: %v", o)
		}
	}
	if got := len(state["outbox"].([]any)); got != 5 {
		t.Errorf("%d services report", got)
	}
	if states := state["orders"].(map[string]any)["by_state"].(map[string]any); states["confirmed"].(float64) == 0 {
		t.Errorf("the sample orders are %v", states)
	}

	deadlettertest.Register(t, s.System)
	retry := "/events/dead/notification/" + letter["id"].(string) + "/retry"
	if status, body := s.console(t, "POST", retry); status != http.StatusAccepted {
		t.Fatalf("the retry returned %d: %v", status, body)
	}
	if status, body := s.console(t, "POST", retry); status != http.StatusConflict {
		t.Errorf("the second retry returned %d: %v", status, body)
	}
	eventually(t, time.Minute, "the message is sent", func() bool { return len(s.mails(t, deadlettertest.Email)) > 0 })
	eventually(t, time.Minute, "the console shows no dead letter", func() bool { return len(dead()) == 0 })
	if mails := s.mails(t, deadlettertest.Email); len(mails) != 1 {
		t.Errorf("%d messages were sent: %v", len(mails), mails)
	}
}
