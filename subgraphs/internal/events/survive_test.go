package events_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"souk/subgraphs/internal/events"
)

// victims opens a second pool on a database whose connections can be killed.
func victims(t *testing.T, db *pgxpool.Pool) (pool *pgxpool.Pool, kill func()) {
	t.Helper()
	address, err := url.Parse(db.Config().ConnString())
	if err != nil {
		t.Fatal(err)
	}
	query := address.Query()
	query.Set("application_name", "victim")
	address.RawQuery = query.Encode()
	if pool, err = pgxpool.New(t.Context(), address.String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool, func() {
		_, err := db.Exec(t.Context(), `
			select pg_terminate_backend(pid) from pg_stat_activity
			where datname = current_database() and application_name = 'victim'`)
		if err != nil {
			t.Error(err)
		}
	}
}

// Two relays and two consumers repeatedly lose Postgres and Redis and are
// killed at random points. Every event takes effect once, in order.
func TestNothingIsLostOrRepeated(t *testing.T) {
	t.Parallel()
	const subjects, each = 4, 60
	db, mini := store(t), miniredis.RunT(t)
	hit, kill := victims(t, db)
	first, second := bus(t, hit, mini.Addr()), bus(t, hit, mini.Addr())
	fragile := func(ctx context.Context, tx pgx.Tx, e events.Event) error {
		if rand.N(20) == 0 {
			return fmt.Errorf("random failure")
		}
		return record(ctx, tx, e)
	}
	consumer := events.Consumer{
		Group: "g", Types: []string{events.OrderCreated}, Handler: fragile,
		MaxAttempts: 1000, FirstRetry: time.Millisecond,
	}
	workers := []func(context.Context) error{first.Relay, second.Relay, first.Consume(consumer), second.Consume(consumer)}
	stops := make([]func(), len(workers))
	for i, work := range workers {
		stops[i] = start(t, work)
	}
	var writers sync.WaitGroup
	for subject := range subjects {
		writers.Go(func() { appendEvents(t, db, events.OrderCreated, fmt.Sprint("subject", subject), 0, each) })
	}
	done := func() bool {
		for subject := range subjects {
			if len(effects(t, db, fmt.Sprint("subject", subject))) < each {
				return false
			}
		}
		return true
	}
	written := make(chan struct{})
	go func() { writers.Wait(); close(written) }()
	trouble := []func(){
		kill,
		func() { mini.SetError("LOADING Redis is loading the dataset in memory") },
		func() { mini.SetError("") },
		func() {
			i := rand.N(len(workers))
			stops[i]()
			stops[i] = start(t, workers[i])
		},
	}
	for round := 0; round < 40; round++ {
		trouble[rand.N(len(trouble))]()
		select {
		case <-written:
		case <-time.After(50 * time.Millisecond): // let them make progress
		}
	}
	mini.SetError("")
	<-written
	eventually(t, "all events had their effects", done)
	for subject := range subjects {
		name := fmt.Sprint("subject", subject)
		if got := effects(t, db, name); !slices.Equal(got, numbers(0, each)) {
			t.Errorf("%s: got effects %v", name, got)
		}
	}
}

// A new reader also takes over more than one batch of unfinished events.
func TestTakeOverClaimsManyBatches(t *testing.T) {
	t.Parallel()
	db, mini := store(t), miniredis.RunT(t)
	b := bus(t, db, mini.Addr())
	start(t, b.Relay)
	failing := events.Consumer{
		Group: "g", Types: []string{events.OrderCreated}, FirstRetry: time.Hour,
		Handler: func(context.Context, pgx.Tx, events.Event) error { return errors.New("never") },
	}
	kill := start(t, bus(t, db, mini.Addr()).Consume(failing))
	appendEvents(t, db, events.OrderCreated, "a", 0, 200)
	eventually(t, "all events were read", func() bool {
		pending, err := client(t, mini).XPending(t.Context(), events.Stream, "g").Result()
		return err == nil && pending.Count == 200
	})
	kill()
	start(t, b.Consume(events.Consumer{Group: "g", Types: []string{events.OrderCreated}, Handler: record}))
	eventually(t, "all events had their effects", func() bool { return slices.Equal(effects(t, db, "a"), numbers(0, 200)) })
}

func client(t *testing.T, mini *miniredis.Miniredis) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: mini.Addr()})
	t.Cleanup(func() { c.Close() })
	return c
}

// The trace of a change continues in the handlers of its event.
func TestEventCarriesItsTrace(t *testing.T) {
	t.Parallel()
	db, mini := store(t), miniredis.RunT(t)
	b := bus(t, db, mini.Addr())
	traces := make(chan trace.TraceID, 2)
	handler := func(ctx context.Context, tx pgx.Tx, e events.Event) error {
		traces <- trace.SpanContextFromContext(ctx).TraceID()
		if e.Type == events.NotificationSent {
			return nil
		}
		return events.Append(ctx, tx, events.Event{Type: events.NotificationSent, Subject: e.Subject})
	}
	start(t, b.Relay)
	start(t, b.Consume(events.Consumer{Group: "g", Types: []string{events.OrderCreated, events.NotificationSent}, Handler: handler}))
	ctx := propagation.TraceContext{}.Extract(t.Context(), propagation.MapCarrier{
		"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	})
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		return events.Append(ctx, tx, events.Event{Type: events.OrderCreated, Subject: "a"})
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := (<-traces).String(); got != "0af7651916cd43dd8448eb211c80319c" {
			t.Errorf("got trace %s", got)
		}
	}
}

// Entries of the stream are CloudEvents that other systems can read.
func TestStreamHoldsCloudEvents(t *testing.T) {
	t.Parallel()
	db, mini := store(t), miniredis.RunT(t)
	b := bus(t, db, mini.Addr())
	start(t, b.Relay)
	at := time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	const id = "01890a5d-ac96-774b-bcce-b302099a8057"
	err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
		return events.Append(t.Context(), tx, events.Event{
			Type: events.ProductUpdated, Subject: "7", ID: id, Time: at, Data: map[string]any{"productId": "7"},
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	var entries []miniredis.StreamEntry
	eventually(t, "the event is in the stream", func() bool {
		entries, err = mini.Stream(events.Stream)
		return err == nil && len(entries) == 1
	})
	want := []string{"type", "product.updated", "event",
		`{"specversion":"1.0","id":"` + id + `","source":"/souk/test","type":"product.updated","subject":"7",` +
			`"time":"2026-11-24T03:00:00Z","datacontenttype":"application/json","data":{"productId":"7"}}`}
	if !slices.Equal(entries[0].Values, want) {
		t.Errorf("got entry\n%q\nwant\n%q", entries[0].Values, want)
	}
}

// A consumer skips entries that are not events.
func TestInvalidEntriesDoNotStopAConsumer(t *testing.T) {
	t.Parallel()
	db, mini := store(t), miniredis.RunT(t)
	b := bus(t, db, mini.Addr())
	for _, values := range [][]string{
		{"type", events.OrderCreated, "event", "{"},
		{"type", events.OrderCreated, "event", `{"specversion":"0.3","id":"1","source":"x","type":"order.created"}`},
		{"anything", "else"},
		{"type", "unheard.of"},
	} {
		if _, err := mini.XAdd(events.Stream, "*", values); err != nil {
			t.Fatal(err)
		}
	}
	start(t, b.Relay)
	start(t, b.Consume(events.Consumer{Group: "g", Types: []string{events.OrderCreated}, Handler: record}))
	appendEvents(t, db, events.OrderCreated, "a", 0, 1)
	eventually(t, "the event arrived", func() bool { return len(effects(t, db, "a")) == 1 })
	letters, err := events.DeadLetters(t.Context(), client(t, mini), events.DeadLetterFilter{}, 10)
	if err != nil || len(letters) != 3 {
		t.Errorf("got dead letters %+v, err %v", letters, err)
	}
}
