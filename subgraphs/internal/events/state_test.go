package events_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"souk/subgraphs/internal/events"
	"souk/telemetry"
)

// The metrics say whether Redis responds, also when there is no event, and how many dead
// letters are left, not only that there was one.
func TestMetricsShowStates(t *testing.T) {
	t.Parallel()
	db, mini := store(t), miniredis.RunT(t)
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "test"})
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Addr: mini.Addr(), MaxRetries: -1, DialTimeout: 200 * time.Millisecond})
	t.Cleanup(func() { client.Close() })
	b := events.New("test", db, client, tel, slog.New(slog.DiscardHandler))
	gauge := func(name string) (value float64, found bool) {
		families, err := tel.Registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() != name {
				continue
			}
			for _, m := range f.Metric {
				value += m.GetGauge().GetValue()
				found = true
			}
		}
		return value, found
	}
	is := func(name string, want float64) func() bool {
		return func() bool { got, found := gauge(name); return found && got == want }
	}
	start(t, b.Relay)
	stop := start(t, b.Consume(events.Consumer{Group: "g", Types: []string{events.OrderCreated}, Handler: func(context.Context, pgx.Tx, events.Event) error {
		return events.Permanent(errors.New("never"))
	}}))
	eventually(t, "Redis is up", is("souk_event_redis_up", 1))
	eventually(t, "there are no dead letters", is("souk_event_dead_letters", 0))
	appendEvents(t, db, events.OrderCreated, "a", 0, 2)
	eventually(t, "there are two dead letters", is("souk_event_dead_letters", 2))
	// A value from before would look like a consumer that stands still.
	unhandled := []string{"souk_event_stream_lag", "souk_event_retries_waiting", "souk_event_unhandled_age_seconds"}
	mini.SetError("LOADING Redis is loading the dataset in memory")
	eventually(t, "what is unhandled is not exported", func() bool {
		return !slices.ContainsFunc(unhandled, func(name string) bool { _, found := gauge(name); return found })
	})
	mini.SetError("")
	for _, name := range unhandled {
		eventually(t, name+" is exported again", is(name, 0))
	}
	if err := client.Del(t.Context(), "souk:events:dead").Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the dead letters are dropped", is("souk_event_dead_letters", 0))
	stop()
	if _, found := gauge("souk_event_dead_letters"); found {
		t.Error("a process that no longer consumes exports the group's dead letters")
	}
	mini.Close()
	eventually(t, "Redis is down", is("souk_event_redis_up", 0))
}

// A consumer that hangs in a handler does not hide how long events have waited: nor does one
// that waits for a retry.
func TestEventsThatAreNotHandledGetOlder(t *testing.T) {
	t.Parallel()
	db, mini := store(t), miniredis.RunT(t)
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	mini.SetTime(noon)
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "test"})
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Addr: mini.Addr()})
	t.Cleanup(func() { client.Close() })
	b := events.New("test", db, client, tel, slog.New(slog.DiscardHandler))
	gauges := func() string {
		w := httptest.NewRecorder()
		tel.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
		return w.Body.String()
	}
	is := func(series string) func() bool {
		return func() bool { return strings.Contains(gauges(), "\n"+series+"\n") }
	}
	release, entered := make(chan struct{}), make(chan struct{})
	consume := b.Consume(events.Consumer{Group: "g", Types: []string{events.OrderCreated}, Handler: func(ctx context.Context, _ pgx.Tx, _ events.Event) error {
		select {
		case entered <- struct{}{}:
		case <-release:
			return nil
		}
		select {
		case <-release:
		case <-ctx.Done():
		}
		return ctx.Err()
	}})
	for _, series := range []string{`souk_event_unhandled_age_seconds{group="g"} 0`, `souk_event_stream_lag{group="g"} 0`, `souk_event_retries_waiting{group="g"} 0`} {
		if !is(series)() {
			t.Errorf("before the first event, the metrics lack %s", series)
		}
	}
	start(t, b.Relay)
	start(t, consume)
	appendEvents(t, db, events.OrderCreated, "a", 0, 2)
	<-entered
	mini.SetTime(noon.Add(time.Hour))
	eventually(t, "an event has waited for an hour", is(`souk_event_unhandled_age_seconds{group="g"} 3600`))
	eventually(t, "events are read and not finished", func() bool {
		return is(`souk_event_retries_waiting{group="g"} 2`)() || is(`souk_event_retries_waiting{group="g"} 1`)()
	})
	close(release)
	eventually(t, "no event waits", is(`souk_event_unhandled_age_seconds{group="g"} 0`))
	eventually(t, "no event waits for a retry", is(`souk_event_retries_waiting{group="g"} 0`))
}
