package events_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"souk/subgraphs/internal/events"
)

// waitingEvents publishes an event of each of some subjects, which no consumer has read yet.
func waitingEvents(t *testing.T, subjects int) (b *events.Bus, effectsOf func(string) []string, deadLetters func() []events.DeadLetter) {
	t.Helper()
	db, stream := store(t), miniredis.RunT(t)
	b = bus(t, db, stream.Addr())
	for i := range subjects {
		appendEvents(t, db, events.OrderCreated, subject(i), i, i+1)
	}
	start(t, b.Relay)
	eventually(t, "the events are published", func() bool {
		entries, err := stream.Stream(events.Stream)
		return err == nil && len(entries) == subjects
	})
	client := redis.NewClient(&redis.Options{Addr: stream.Addr()})
	t.Cleanup(func() { client.Close() })
	deadLetters = func() []events.DeadLetter {
		letters, err := events.DeadLetters(t.Context(), client, events.DeadLetterFilter{}, 10)
		if err != nil {
			t.Fatal(err)
		}
		return letters
	}
	return b, func(subject string) []string { return effects(t, db, subject) }, deadLetters
}

func subject(i int) string { return fmt.Sprintf("subject %d", i) }

// A calls records in which transactions a handler was called.
type calls struct {
	mu           sync.Mutex
	transactions map[string]int
	unprepared   int
}

type preparedKey struct{}

func (c *calls) record(ctx context.Context, tx pgx.Tx, e events.Event) error {
	var id string
	if err := tx.QueryRow(ctx, `select pg_current_xact_id()::text`).Scan(&id); err != nil {
		return err
	}
	c.mu.Lock()
	c.transactions[id]++
	if ctx.Value(preparedKey{}) == nil {
		c.unprepared++
	}
	c.mu.Unlock()
	return record(ctx, tx, e)
}

// Events of different subjects that wait are handled in common transactions, for which the consumer
// prepares once.
func TestWaitingEventsAreHandledTogether(t *testing.T) {
	t.Parallel()
	const count = 20
	b, effects, _ := waitingEvents(t, count)
	c := &calls{transactions: map[string]int{}}
	var prepared []int
	start(t, b.Consume(events.Consumer{Group: "group", Types: []string{events.OrderCreated}, Handler: c.record, Prepare: func(ctx context.Context, all []events.Event) (context.Context, error) {
		prepared = append(prepared, len(all))
		return context.WithValue(ctx, preparedKey{}, true), nil
	}}))
	for i := range count {
		eventually(t, "every event takes effect", func() bool { return len(effects(subject(i))) == 1 })
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.transactions) != 1 || c.unprepared > 0 {
		t.Errorf("%d events are handled in the transactions %v, %d of them unprepared, want one transaction", count, c.transactions, c.unprepared)
	}
	if len(prepared) != 1 || prepared[0] != count {
		t.Errorf("the consumer prepared for %v events, want once for %d", prepared, count)
	}
}

// An event that fails does not keep those that are handled together with it, and none of them takes
// effect twice. The same is true if the consumer cannot prepare.
func TestFailureAmongEventsThatAreHandledTogether(t *testing.T) {
	t.Parallel()
	const count, bad = 20, 7
	for _, test := range []struct {
		name          string
		fails, panics bool
		unprepared    error
	}{
		{name: "an error", fails: true},
		{name: "a panic", panics: true},
		{name: "no preparation", unprepared: errors.New("the other service is away")},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b, effects, deadLetters := waitingEvents(t, count)
			start(t, b.Consume(events.Consumer{
				Group: "group", Types: []string{events.OrderCreated}, MaxAttempts: 2, FirstRetry: 1,
				Prepare: func(ctx context.Context, _ []events.Event) (context.Context, error) { return ctx, test.unprepared },
				Handler: func(ctx context.Context, tx pgx.Tx, e events.Event) error {
					if err := record(ctx, tx, e); err != nil || e.Subject != subject(bad) {
						return err
					}
					if test.panics {
						panic("bad event")
					}
					if test.fails {
						return errors.New("bad event")
					}
					return nil
				},
			}))
			for i := range count {
				if i != bad || test.unprepared != nil {
					eventually(t, "every other event takes effect", func() bool { return len(effects(subject(i))) == 1 })
				}
			}
			if test.unprepared == nil {
				eventually(t, "the bad event is a dead letter", func() bool {
					letters := deadLetters()
					return len(letters) == 1 && letters[0].Event.Subject == subject(bad)
				})
				if got := effects(subject(bad)); len(got) > 0 {
					t.Errorf("the bad event has the effects %v", got)
				}
			}
			for i := range count {
				if got := effects(subject(i)); len(got) > 1 {
					t.Errorf("the event of %s took effect %d times", subject(i), len(got))
				}
			}
		})
	}
}
