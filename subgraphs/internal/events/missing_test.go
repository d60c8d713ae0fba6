package events_test

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"souk/internal/redistest"
	"souk/subgraphs/internal/events"
	"souk/telemetry"
)

// measuredBus returns a bus, and a function that reads a gauge of the group g, which is -1 if
// it is not exported.
func measuredBus(t *testing.T, db *pgxpool.Pool, client *redis.Client) (*events.Bus, func(name string) float64) {
	t.Helper()
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return events.New("test", db, client, tel, slog.New(slog.DiscardHandler)), func(name string) float64 {
		families, err := tel.Registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			for _, m := range f.Metric {
				if f.GetName() == name && m.Label[0].GetValue() == "g" {
					return m.GetGauge().GetValue()
				}
			}
		}
		return -1
	}
}

func realRedis(t *testing.T) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: redistest.Start(t)})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// If Redis loses the stream and its groups while a handler hangs, no reader creates the group
// again. The events that the relay publishes again wait for it.
func TestEventsWaitForAGroupThatRedisLost(t *testing.T) {
	t.Parallel()
	db, client := store(t), realRedis(t)
	b, gauge := measuredBus(t, db, client)
	release, entered := make(chan struct{}), make(chan struct{}, 1)
	start(t, b.Relay)
	start(t, b.Consume(events.Consumer{Group: "g", Types: []string{events.OrderCreated}, Handler: func(ctx context.Context, tx pgx.Tx, e events.Event) error {
		select {
		case entered <- struct{}{}:
		default:
		}
		select {
		case <-release:
			return record(ctx, tx, e)
		case <-ctx.Done():
			return ctx.Err()
		}
	}}))
	appendEvents(t, db, events.OrderCreated, "a", 0, 2)
	<-entered
	eventually(t, "an event is read and not finished", func() bool { return gauge("souk_event_retries_waiting") > 0 })
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	appendEvents(t, db, events.OrderCreated, "b", 0, 3)
	eventually(t, "five events wait for the group", func() bool {
		return gauge("souk_event_stream_lag") == 5 && gauge("souk_event_retries_waiting") == 0 && gauge("souk_event_unhandled_age_seconds") > 0
	})
	close(release)
	eventually(t, "no event waits", func() bool {
		return gauge("souk_event_stream_lag") == 0 && gauge("souk_event_retries_waiting") == 0 && gauge("souk_event_unhandled_age_seconds") == 0
	})
}

// A consumer that cannot start, because its database does not respond, creates no group. That
// does not hide that events wait for it.
func TestEventsWaitForAGroupThatWasNeverCreated(t *testing.T) {
	t.Parallel()
	away, err := pgxpool.New(t.Context(), "postgres://nobody@127.0.0.1:1/nothing?connect_timeout=1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(away.Close)
	client := realRedis(t)
	now, err := client.Time(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		id := strconv.FormatInt(now.Add(-time.Hour).UnixMilli(), 10) + "-" + strconv.Itoa(n)
		if err := client.XAdd(t.Context(), &redis.XAddArgs{Stream: events.Stream, ID: id, Values: []any{"event", "{}"}}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	b, gauge := measuredBus(t, away, client)
	start(t, b.Consume(events.Consumer{Group: "g", Types: []string{events.OrderCreated}, Handler: record}))
	gauges := func() string {
		return fmt.Sprint(gauge("souk_event_stream_lag"), gauge("souk_event_retries_waiting"), gauge("souk_event_unhandled_age_seconds") >= 3600)
	}
	eventually(t, "three events have waited for an hour", func() bool { return gauges() == "3 0 true" })
	if err := client.Del(t.Context(), events.Stream).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "nothing waits without a stream", func() bool { return gauges() == "0 0 false" && gauge("souk_event_unhandled_age_seconds") == 0 })
}
