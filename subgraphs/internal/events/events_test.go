package events_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"souk/internal/pgserver/pgtest"
	"souk/subgraphs/internal/events"
	"souk/subgraphs/internal/server"
	"souk/telemetry"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// store opens a service's database.
func store(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if err := server.Migrate(t.Context(), pool, nil, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), `create table effects (n bigint generated always as identity, subject text, event text)`); err != nil {
		t.Fatal(err)
	}
	return pool
}

func bus(t *testing.T, db *pgxpool.Pool, address string) *events.Bus {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: address, MaxRetries: -1, DialTimeout: 200 * time.Millisecond})
	t.Cleanup(func() { client.Close() })
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return events.New("test", db, client, tel, slog.New(slog.NewTextHandler(t.Output(), nil)))
}

// start runs a worker. The returned function kills it and waits.
func start(t *testing.T, work func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := work(ctx); err != nil {
			t.Error(err)
		}
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	return stop
}

func appendEvents(t *testing.T, db *pgxpool.Pool, kind, subject string, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
			return events.Append(t.Context(), tx, events.Event{Type: kind, Subject: subject, Data: i})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// record is a handler that records each event in its transaction.
func record(ctx context.Context, tx pgx.Tx, e events.Event) error {
	var n int
	if err := e.Decode(&n); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `insert into effects (subject, event) values ($1, $2)`, e.Subject, fmt.Sprint(n))
	return err
}

func effects(t *testing.T, db *pgxpool.Pool, subject string) []string {
	t.Helper()
	rows, err := db.Query(t.Context(), `select event from effects where subject = $1 order by n`, subject)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("timed out: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func numbers(from, to int) []string {
	var list []string
	for i := from; i < to; i++ {
		list = append(list, fmt.Sprint(i))
	}
	return list
}

func TestEventsArriveOnceAndInOrder(t *testing.T) {
	t.Parallel()
	db, mini := store(t), miniredis.RunT(t)
	b := bus(t, db, mini.Addr())
	start(t, b.Relay)
	start(t, b.Consume(events.Consumer{Group: "g", Types: []string{events.OrderCreated}, Handler: record}))
	appendEvents(t, db, events.OrderCreated, "a", 0, 30)
	appendEvents(t, db, events.ProductUpdated, "a", 30, 40) // not subscribed to
	appendEvents(t, db, events.OrderCreated, "b", 0, 30)
	for _, subject := range []string{"a", "b"} {
		eventually(t, "all events arrived", func() bool { return slices.Equal(effects(t, db, subject), numbers(0, 30)) })
	}
}

func TestRolledBackChangeHasNoEvent(t *testing.T) {
	t.Parallel()
	db, mini := store(t), miniredis.RunT(t)
	b := bus(t, db, mini.Addr())
	undone := errors.New("undone")
	err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
		if err := events.Append(t.Context(), tx, events.Event{Type: events.OrderCreated, Subject: "a", Data: 99}); err != nil {
			return err
		}
		return undone
	})
	if !errors.Is(err, undone) {
		t.Fatal(err)
	}
	start(t, b.Relay)
	start(t, b.Consume(events.Consumer{Group: "g", Types: []string{events.OrderCreated}, Handler: record}))
	appendEvents(t, db, events.OrderCreated, "a", 1, 2)
	eventually(t, "the later event arrived", func() bool { return len(effects(t, db, "a")) > 0 })
	if got := effects(t, db, "a"); !slices.Equal(got, []string{"1"}) {
		t.Errorf("got effects %v", got)
	}
}

func TestRedeliveryHasNoEffect(t *testing.T) {
	t.Parallel()
	db, mini := store(t), miniredis.RunT(t)
	b := bus(t, db, mini.Addr())
	start(t, b.Relay)
	start(t, b.Consume(events.Consumer{Group: "g", Types: []string{events.OrderCreated}, Handler: record}))
	appendEvents(t, db, events.OrderCreated, "a", 0, 3)
	eventually(t, "the events arrived", func() bool { return len(effects(t, db, "a")) == 3 })

	// The relay dies before it marks the events as published, and publishes again.
	if _, err := db.Exec(t.Context(), `update event_outbox set published_at = null, stream_id = null`); err != nil {
		t.Fatal(err)
	}
	appendEvents(t, db, events.OrderCreated, "a", 3, 4)
	eventually(t, "the new event arrived", func() bool { return slices.Contains(effects(t, db, "a"), "3") })
	if got := effects(t, db, "a"); !slices.Equal(got, numbers(0, 4)) {
		t.Errorf("got effects %v", got)
	}
}

func TestEventsWaitForRedis(t *testing.T) {
	t.Parallel()
	db, mini := store(t), miniredis.RunT(t)
	b := bus(t, db, mini.Addr())
	address := mini.Addr()
	mini.Close()
	start(t, b.Relay)
	start(t, b.Consume(events.Consumer{Group: "g", Types: []string{events.OrderCreated}, Handler: record}))
	appendEvents(t, db, events.OrderCreated, "a", 0, 5)
	back := miniredis.NewMiniRedis() // a closed one does not block
	if err := back.StartAddr(address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(back.Close)
	eventually(t, "the events arrived after Redis came", func() bool { return slices.Equal(effects(t, db, "a"), numbers(0, 5)) })
}

func TestLostEventsArePublishedAgain(t *testing.T) {
	t.Parallel()
	db, mini := store(t), miniredis.RunT(t)
	b := bus(t, db, mini.Addr())
	stop := start(t, b.Relay)
	appendEvents(t, db, events.OrderCreated, "a", 0, 5)
	eventually(t, "the events are in the stream", func() bool {
		list, err := mini.Stream(events.Stream)
		return err == nil && len(list) == 5
	})
	stop()
	mini.FlushAll() // acknowledged, not read, and lost

	start(t, b.Relay)
	start(t, b.Consume(events.Consumer{Group: "g", Types: []string{events.OrderCreated}, Handler: record}))
	appendEvents(t, db, events.OrderCreated, "a", 5, 6)
	eventually(t, "the lost events arrived too", func() bool { return slices.Equal(effects(t, db, "a"), numbers(0, 6)) })
}

func TestFailingEventBlocksOnlyItsSubject(t *testing.T) {
	t.Parallel()
	db, mini := store(t), miniredis.RunT(t)
	b := bus(t, db, mini.Addr())
	var mu sync.Mutex
	mended := false
	handler := func(ctx context.Context, tx pgx.Tx, e events.Event) error {
		mu.Lock()
		defer mu.Unlock()
		if e.Subject == "a" && !mended {
			if err := record(ctx, tx, e); err != nil { // rolled back by the failure
				return err
			}
			return errors.New("not yet")
		}
		return record(ctx, tx, e)
	}
	start(t, b.Relay)
	start(t, b.Consume(events.Consumer{
		Group: "g", Types: []string{events.OrderCreated}, Handler: handler,
		MaxAttempts: 1000, FirstRetry: time.Millisecond,
	}))
	appendEvents(t, db, events.OrderCreated, "a", 0, 3)
	appendEvents(t, db, events.OrderCreated, "b", 0, 3)
	eventually(t, "the other subject went on", func() bool { return slices.Equal(effects(t, db, "b"), numbers(0, 3)) })
	if got := effects(t, db, "a"); len(got) != 0 {
		t.Errorf("a failed event had effects: %v", got)
	}
	mu.Lock()
	mended = true
	mu.Unlock()
	eventually(t, "the subject went on in order", func() bool { return slices.Equal(effects(t, db, "a"), numbers(0, 3)) })
}

func TestDeadLetterCanBeRedelivered(t *testing.T) {
	t.Parallel()
	db, mini := store(t), miniredis.RunT(t)
	b := bus(t, db, mini.Addr())
	var mu sync.Mutex
	poison := true
	handler := func(ctx context.Context, tx pgx.Tx, e events.Event) error {
		var n int
		if err := e.Decode(&n); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		switch {
		case n == 0 && poison:
			panic("poison")
		case n == 1 && poison:
			return events.Permanent(errors.New("never"))
		}
		return record(ctx, tx, e)
	}
	start(t, b.Relay)
	start(t, b.Consume(events.Consumer{
		Group: "g", Types: []string{events.OrderCreated}, Handler: handler,
		MaxAttempts: 3, FirstRetry: time.Millisecond,
	}))
	appendEvents(t, db, events.OrderCreated, "a", 0, 3)
	eventually(t, "the event behind the dead ones arrived", func() bool { return slices.Equal(effects(t, db, "a"), []string{"2"}) })
	letters, err := events.DeadLetters(t.Context(), client(t, mini), events.DeadLetterFilter{}, 10)
	if err != nil || len(letters) != 2 {
		t.Fatalf("got dead letters %v, err %v", letters, err)
	}
	if letters[0].Attempts != 3 || letters[1].Attempts != 1 || letters[0].Group != "g" || letters[0].Event.Subject != "a" {
		t.Errorf("got dead letters %+v", letters)
	}

	mu.Lock()
	poison = false
	mu.Unlock()
	if err := b.Redeliver(t.Context(), letters[0].ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the revived event arrived", func() bool { return slices.Equal(effects(t, db, "a"), []string{"2", "0"}) })
	if letters, _ := events.DeadLetters(t.Context(), client(t, mini), events.DeadLetterFilter{}, 10); len(letters) != 1 {
		t.Errorf("got %d dead letters, want 1", len(letters))
	}
}

// What an event needs may be away for hours. An event that cannot be handled
// is parked after a few attempts.
func TestUnavailabilityIsNotHeldAgainstAnEvent(t *testing.T) {
	t.Parallel()
	db, mini := store(t), miniredis.RunT(t)
	b := bus(t, db, mini.Addr())
	away := 10
	handler := func(ctx context.Context, tx pgx.Tx, e events.Event) error {
		if e.Subject == "invalid" {
			return errors.New("the address has no town")
		}
		if away--; away > 0 {
			return fmt.Errorf("looking up the user: %w", events.Unavailable(errors.New("no answer")))
		}
		return record(ctx, tx, e)
	}
	start(t, b.Relay)
	start(t, b.Consume(events.Consumer{
		Group: "g", Types: []string{events.OrderCreated}, Handler: handler, MaxAttempts: 3, FirstRetry: time.Microsecond,
	}))
	appendEvents(t, db, events.OrderCreated, "invalid", 0, 1)
	letter := dead(t, b).Dead[0]
	if letter.Subject != "invalid" || letter.Attempts != 3 {
		t.Errorf("dead letter %+v", letter)
	}
	appendEvents(t, db, events.OrderCreated, "a", 0, 1)
	eventually(t, "the event is handled when its user is back", func() bool { return len(effects(t, db, "a")) == 1 })
	dead(t, b) // no other
}

// The bound on attempts during an outage.
func TestEventIsParkedAfterALongOutage(t *testing.T) {
	t.Parallel()
	db, mini := store(t), miniredis.RunT(t)
	b := bus(t, db, mini.Addr())
	start(t, b.Relay)
	start(t, b.Consume(events.Consumer{
		Group: "g", Types: []string{events.OrderCreated}, MaxUnavailable: 10, FirstRetry: time.Microsecond,
		Handler: func(context.Context, pgx.Tx, events.Event) error { return events.Unavailable(errors.New("no answer")) },
	}))
	appendEvents(t, db, events.OrderCreated, "a", 0, 1)
	if letter := dead(t, b).Dead[0]; letter.Attempts != 10 || letter.Error != "no answer" {
		t.Errorf("dead letter %+v", letter)
	}
}

// If a consumer dies while it handles an event, another one takes over.
func TestUnfinishedEventIsTakenOver(t *testing.T) {
	t.Parallel()
	db, mini := store(t), miniredis.RunT(t)
	first, second := bus(t, db, mini.Addr()), bus(t, db, mini.Addr())
	start(t, first.Relay)
	reached := make(chan struct{})
	stuck := func(ctx context.Context, tx pgx.Tx, e events.Event) error {
		if err := record(ctx, tx, e); err != nil {
			return err
		}
		var n int
		if err := e.Decode(&n); err != nil || n != 2 {
			return err
		}
		close(reached)
		<-ctx.Done()
		return ctx.Err()
	}
	kill := start(t, first.Consume(events.Consumer{Group: "g", Types: []string{events.OrderCreated}, Handler: stuck}))
	appendEvents(t, db, events.OrderCreated, "a", 0, 5)
	<-reached
	start(t, second.Consume(events.Consumer{Group: "g", Types: []string{events.OrderCreated}, Handler: record}))
	if got := effects(t, db, "a"); !slices.Equal(got, numbers(0, 2)) {
		t.Errorf("before the take-over: got effects %v", got)
	}
	kill()
	eventually(t, "the second consumer finished the work", func() bool { return slices.Equal(effects(t, db, "a"), numbers(0, 5)) })
}
