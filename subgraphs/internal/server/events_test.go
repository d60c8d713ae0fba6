package server_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"souk/internal/redistest"
	console "souk/router/console/events"
	"souk/subgraphs/internal/events"
	"souk/subgraphs/internal/server"
)

const eventsToken = "the token of the console"

// withEventsToken returns an environment with a real Redis and the token.
func withEventsToken(t *testing.T) server.Environment {
	env := environment(t)
	env.RedisURL = "redis://" + redistest.Start(t)
	env.Lookup = func(key string) (string, bool) {
		if key == server.EventsToken {
			return eventsToken, true
		}
		return "", false
	}
	return env
}

// request sends a request with a token and returns the status.
func request(t *testing.T, method, url, token string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

func TestEventsNeedTheirToken(t *testing.T) {
	service := func(context.Context, server.Resources) (*server.Service, error) {
		return &server.Service{Handler: http.NotFoundHandler()}, nil
	}
	with, without := launch(t, withEventsToken(t), nil, service), launch(t, environment(t), nil, service)
	for _, test := range []struct {
		name, method, url, token string
		want                     int
	}{
		{name: "the token", method: "GET", url: with.url + "/events", token: eventsToken, want: 200},
		{name: "no token", method: "GET", url: with.url + "/events", want: 401},
		{name: "a wrong token", method: "GET", url: with.url + "/events", token: eventsToken + "!", want: 401},
		{name: "a retry without a token", method: "POST", url: with.url + "/events/dead/1-1/retry", want: 401},
		{name: "a retry of nothing", method: "POST", url: with.url + "/events/dead/1-1/retry", token: eventsToken, want: 404},
		{name: "a service without a token", method: "GET", url: without.url + "/events", token: eventsToken, want: 404},
		{name: "a service without a token and none sent", method: "GET", url: without.url + "/events", want: 404},
	} {
		if got := request(t, test.method, test.url, test.token); got != test.want {
			t.Errorf("%s: status %d, want %d", test.name, got, test.want)
		}
	}
}

// A poison event becomes a dead letter. Its cause is repaired, and one of several concurrent
// retries over HTTP makes the service handle it once.
func TestDeadLetterIsRetriedOverHTTP(t *testing.T) {
	var (
		repaired atomic.Bool
		handled  atomic.Int32
		buses    = make(chan server.Resources, 1)
	)
	handler := func(context.Context, pgx.Tx, events.Event) error {
		if !repaired.Load() {
			return events.Permanent(errors.New("poison"))
		}
		handled.Add(1)
		return nil
	}
	p := launch(t, withEventsToken(t), nil, func(_ context.Context, r server.Resources) (*server.Service, error) {
		buses <- r
		consume := r.Events.Consume(events.Consumer{Group: "test", Types: []string{events.OrderCreated}, Handler: handler})
		return &server.Service{Handler: http.NotFoundHandler(), Workers: []func(context.Context) error{consume}}, nil
	})
	db := (<-buses).DB
	appendEvent := func() {
		err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
			return events.Append(t.Context(), tx, events.Event{Type: events.OrderCreated, Subject: "1", Data: map[string]int{"order": 1}})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	source := &console.Services{URLs: map[string]string{"test": p.url}, Token: eventsToken}
	report := func() console.Report {
		r, err := source.Report(t.Context())
		if err != nil || r.Outbox[0].Error != nil {
			t.Fatalf("the report is %+v, %v", r, err)
		}
		return r
	}
	appendEvent()
	await(t, "the event is dead", func() bool { return len(report().Dead) == 1 })
	letter := report().Dead[0]
	if letter.Service != "test" || letter.Error != "poison" || string(letter.Payload) != `{"order":1}` {
		t.Errorf("the dead letter is %+v with payload %s", letter, letter.Payload)
	}

	repaired.Store(true)
	statuses := make([]int, 5)
	var retries sync.WaitGroup
	for i := range statuses {
		retries.Go(func() {
			statuses[i] = request(t, "POST", p.url+"/events/dead/"+letter.ID+"/retry", eventsToken)
		})
	}
	retries.Wait()
	slices.Sort(statuses)
	if !slices.Equal(statuses, []int{202, 409, 409, 409, 409}) {
		t.Errorf("concurrent retries returned %v", statuses)
	}
	if err := source.Retry(t.Context(), "test", letter.ID); !errors.Is(err, console.ErrRetried) {
		t.Errorf("a later retry returned %v", err)
	}
	appendEvent() // handled after what was retried
	await(t, "both events are handled", func() bool { return handled.Load() >= 2 })
	if got := handled.Load(); got != 2 {
		t.Errorf("two events were handled %d times", got)
	}
	if r := report(); len(r.Dead) != 0 {
		t.Errorf("dead letters are left: %+v", r.Dead)
	}
	if err := p.end(t); err != nil {
		t.Error(err)
	}
}
