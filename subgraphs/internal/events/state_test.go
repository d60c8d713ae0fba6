package events_test

import (
	"context"
	"errors"
	"log/slog"
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
	if err := client.Del(t.Context(), "souk:events:dead").Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the dead letters are dropped", is("souk_event_dead_letters", 0))
	stop()
	if _, found := gauge("souk_event_dead_letters"); found {
		t.Error("a process that does not read for the group exports the group's dead letters")
	}
	mini.Close()
	eventually(t, "Redis is down", is("souk_event_redis_up", 0))
}
