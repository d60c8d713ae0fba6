package events_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"souk/subgraphs/internal/events"
)

func published(t *testing.T, db *pgxpool.Pool) (n int) {
	t.Helper()
	if err := db.QueryRow(t.Context(), `select count(*) from event_outbox where published_at is not null`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func streamLength(t *testing.T, address string) int64 {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: address})
	defer c.Close()
	n, err := c.XLen(t.Context(), events.Stream).Result()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func flush(t *testing.T, address string) {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: address})
	defer c.Close()
	if err := c.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
}

// An idle service must notice that Redis lost its events: in a quiet shop there
// may be no new event for hours.
func TestIdleRelayPublishesLostEventsAgain(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, address string) {
		db := store(t)
		b := bus(t, db, address)
		start(t, b.Relay)
		appendEvents(t, db, events.OrderCreated, "a", 0, 5)
		eventually(t, "the events are published", func() bool { return published(t, db) == 5 })
		flush(t, address)
		eventually(t, "the stream has the events again", func() bool { return streamLength(t, address) == 5 })
		start(t, b.Consume(events.Consumer{Group: "g", Types: []string{events.OrderCreated}, Handler: record}))
		eventually(t, "the events arrived in order", func() bool { return slices.Equal(effects(t, db, "a"), numbers(0, 5)) })
	})
}

func TestLostEventsOfAnyAgeArePublishedAgain(t *testing.T) {
	t.Parallel()
	db, mini := store(t), miniredis.RunT(t)
	b := bus(t, db, mini.Addr())
	stop := start(t, b.Relay)
	appendEvents(t, db, events.OrderCreated, "a", 0, 5)
	eventually(t, "the events are published", func() bool { return published(t, db) == 5 })
	stop()
	if _, err := db.Exec(t.Context(), `update event_outbox set published_at = published_at - interval '71 hours'`); err != nil {
		t.Fatal(err)
	}
	mini.FlushAll()
	start(t, b.Relay)
	start(t, b.Consume(events.Consumer{Group: "g", Types: []string{events.OrderCreated}, Handler: record}))
	eventually(t, "the events arrived", func() bool { return slices.Equal(effects(t, db, "a"), numbers(0, 5)) })
}

// Redis may lose events between the check and the next publication. The
// publication then fails, instead of hiding the gap.
func TestEventsLostAmongOthersArePublishedAgain(t *testing.T) {
	t.Parallel()
	db, mini := store(t), miniredis.RunT(t)
	b := bus(t, db, mini.Addr())
	c := client(t, mini)
	start(t, b.Relay)
	for i := range 20 { // each time a failover loses the newest event
		appendEvents(t, db, events.OrderCreated, "a", i, i+1)
		eventually(t, "the event is published", func() bool { return published(t, db) == i+1 })
		newest, err := c.XRevRangeN(t.Context(), events.Stream, "+", "-", 1).Result()
		if err != nil || len(newest) != 1 {
			t.Fatalf("newest entry %v, %v", newest, err)
		}
		if err := c.XDel(t.Context(), events.Stream, newest[0].ID).Err(); err != nil {
			t.Fatal(err)
		}
	}
	start(t, b.Consume(events.Consumer{Group: "g", Types: []string{events.OrderCreated}, Handler: record}))
	eventually(t, "the events arrived", func() bool {
		got := effects(t, db, "a")
		for _, n := range numbers(0, 20) {
			if !slices.Contains(got, n) {
				return false
			}
		}
		return len(got) == 20
	})
}

// age moves everything that was published into the past.
func age(t *testing.T, db *pgxpool.Pool, d time.Duration) {
	t.Helper()
	if _, err := db.Exec(t.Context(), `update event_outbox set published_at = published_at - $1::interval`, d); err != nil {
		t.Fatal(err)
	}
}

func TestEventsAreKeptUntilEveryGroupHasHandledThem(t *testing.T) {
	t.Parallel()
	db, mini := store(t), miniredis.RunT(t)
	b := bus(t, db, mini.Addr())
	old := 100 * time.Hour
	mini.SetTime(time.Now().Add(-old)) // the clock that makes the IDs of entries
	stop := start(t, b.Relay)
	appendEvents(t, db, events.OrderCreated, "a", 0, 5)
	eventually(t, "the events are published", func() bool { return published(t, db) == 5 })
	stop()
	age(t, db, old)
	mini.SetTime(time.Now())

	keeps := func(when string, stream int64, outbox int) {
		t.Helper()
		if err := events.DeleteOld(b, t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := streamLength(t, mini.Addr()); got != stream {
			t.Errorf("%s: the stream has %d entries, want %d", when, got, stream)
		}
		if got := published(t, db); got != outbox {
			t.Errorf("%s: the outbox has %d events, want %d", when, got, outbox)
		}
	}
	keeps("without a group", 5, 5)
	reached, proceed := make(chan struct{}), make(chan struct{})
	handler := func(ctx context.Context, tx pgx.Tx, e events.Event) error {
		var n int
		if err := e.Decode(&n); err != nil {
			return err
		}
		if n == 2 {
			close(reached)
			<-proceed
		}
		return record(ctx, tx, e)
	}
	start(t, b.Consume(events.Consumer{Group: "g", Types: []string{events.OrderCreated}, Handler: handler}))
	<-reached
	keeps("while the third event is handled", 3, 5) // the outbox deletes whole milliseconds
	close(proceed)
	eventually(t, "the events are handled", func() bool { return len(effects(t, db, "a")) == 5 })
	eventually(t, "the stream is trimmed", func() bool {
		if err := events.DeleteOld(b, t.Context()); err != nil {
			t.Fatal(err)
		}
		return streamLength(t, mini.Addr()) <= 1
	})
	// The relay does not take what was trimmed for lost.
	start(t, b.Relay)
	appendEvents(t, db, events.OrderCreated, "b", 0, 1)
	eventually(t, "the new event arrived", func() bool { return len(effects(t, db, "b")) == 1 })
	if got := streamLength(t, mini.Addr()); got > 2 {
		t.Errorf("the stream has %d entries: handled events were published again", got)
	}
}

// An event that no group can handle is acknowledged, but it is not done: its
// copy in the outbox stays until somebody revives or drops the dead letter.
func TestDeadLettersSurviveTheLossOfRedis(t *testing.T) {
	t.Parallel()
	db, mini := store(t), miniredis.RunT(t)
	b, c := bus(t, db, mini.Addr()), client(t, mini)
	old := 100 * time.Hour
	mini.SetTime(time.Now().Add(-old))
	var repaired atomic.Bool
	handler := func(ctx context.Context, tx pgx.Tx, e events.Event) error {
		if e.Subject == "dead" && !repaired.Load() {
			return events.Permanent(errors.New("never"))
		}
		return record(ctx, tx, e)
	}
	start(t, b.Relay)
	start(t, b.Consume(events.Consumer{Group: "g", Types: []string{events.OrderCreated}, Handler: handler}))
	letters := func() []events.DeadLetter {
		list, err := events.DeadLetters(t.Context(), c, events.DeadLetterFilter{}, 10)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	appendEvents(t, db, events.OrderCreated, "dead", 0, 1)
	appendEvents(t, db, events.OrderCreated, "a", 0, 1)
	eventually(t, "both events were delivered", func() bool { return len(letters()) == 1 && len(effects(t, db, "a")) == 1 })
	age(t, db, old)
	mini.SetTime(time.Now())
	appendEvents(t, db, events.OrderCreated, "b", 0, 1)
	eventually(t, "the new event arrived", func() bool { return len(effects(t, db, "b")) == 1 })
	eventually(t, "the outbox has only the dead letter and the new event", func() bool {
		if err := events.DeleteOld(b, t.Context()); err != nil {
			t.Fatal(err)
		}
		return published(t, db) == 2
	})

	mini.FlushAll()
	eventually(t, "the dead letter is back", func() bool { return len(letters()) == 1 })
	repaired.Store(true)
	if err := b.Redeliver(t.Context(), letters()[0].ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the revived event is handled", func() bool { return len(effects(t, db, "dead")) == 1 })
	if got := effects(t, db, "a"); len(got) != 1 {
		t.Errorf("the handled event had %d effects", len(got))
	}
}

// If a group does not read, a full stream stops the relay. Events wait in the
// outbox, and none is lost.
func TestFullStreamHoldsEventsBack(t *testing.T) {
	t.Parallel()
	db, mini := store(t), miniredis.RunT(t)
	b := bus(t, db, mini.Addr())
	b.SetMaxStreamLength(10)
	if err := client(t, mini).XGroupCreateMkStream(t.Context(), events.Stream, "g", "0").Err(); err != nil {
		t.Fatal(err)
	}
	start(t, b.Relay)
	appendEvents(t, db, events.OrderCreated, "a", 0, 10)
	eventually(t, "the stream is full", func() bool { return published(t, db) == 10 })
	appendEvents(t, db, events.OrderCreated, "a", 10, 20)
	full := bus(t, db, mini.Addr())
	full.SetMaxStreamLength(10)
	if err := events.RelayOnce(t.Context(), full); !errors.Is(err, events.ErrStreamFull) {
		t.Errorf("publishing to a full stream: %v", err)
	}
	if got := streamLength(t, mini.Addr()); got != 10 {
		t.Errorf("the stream has %d entries", got)
	}
	start(t, b.Consume(events.Consumer{Group: "g", Types: []string{events.OrderCreated}, Handler: record}))
	eventually(t, "all events arrived", func() bool { return slices.Equal(effects(t, db, "a"), numbers(0, 20)) })
}

// Without a consumer group nobody waits for the oldest events.
func TestFullStreamWithoutGroupKeepsNewestEvents(t *testing.T) {
	t.Parallel()
	db, mini := store(t), miniredis.RunT(t)
	b := bus(t, db, mini.Addr())
	b.SetMaxStreamLength(10)
	start(t, b.Relay)
	for i := range 30 {
		appendEvents(t, db, events.OrderCreated, "a", i, i+1)
		eventually(t, "the event is published", func() bool { return published(t, db) == i+1 })
	}
	if got := streamLength(t, mini.Addr()); got > 10 {
		t.Errorf("the stream has %d entries", got)
	}
}
