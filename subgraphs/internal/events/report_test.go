package events_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"souk/internal/redistest"
	console "souk/router/console/events"
	"souk/subgraphs/internal/events"
)

// eachRedis runs a test with miniredis, which souk dev uses, and with a real server.
func eachRedis(t *testing.T, test func(t *testing.T, address string)) {
	t.Run("miniredis", func(t *testing.T) { test(t, miniredis.RunT(t).Addr()) })
	t.Run("redis-server", func(t *testing.T) { test(t, redistest.Start(t)) })
}

// A defect makes a handler fail permanently until it is repaired.
type defect struct{ repaired atomic.Bool }

func (d *defect) handle(ctx context.Context, tx pgx.Tx, e events.Event) error {
	if !d.repaired.Load() {
		return events.Permanent(errors.New("there is no such user"))
	}
	return record(ctx, tx, e)
}

// The lag is the number of events after the last one that a group was given, also with a
// server that does not count what groups have read, and where Redis cannot tell.
func TestLagCountsTheEventsThatWait(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name                     string
		length, read, lag, moved int
	}{
		{name: "nothing published", length: 0, lag: 0},
		{name: "nothing read", length: 3, lag: 3},
		{name: "all but one read", length: 7, read: 6, lag: 1},
		{name: "all read", length: 7, read: 7, lag: 0},
		{name: "more than are counted at once", length: 2_500, read: 100, lag: 2_400},
		{name: "the group began inside the stream", length: 9, moved: 5, lag: 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachRedis(t, func(t *testing.T, address string) {
				b, ctx := bus(t, store(t), address), t.Context()
				server := redis.NewClient(&redis.Options{Addr: address})
				t.Cleanup(func() { _ = server.Close() })
				if err := server.XGroupCreateMkStream(ctx, events.Stream, "g", "0").Err(); err != nil {
					t.Fatal(err)
				}
				var ids []string
				for range test.length {
					id, err := server.XAdd(ctx, &redis.XAddArgs{Stream: events.Stream, Values: []any{"event", "{}"}}).Result()
					if err != nil {
						t.Fatal(err)
					}
					ids = append(ids, id)
				}
				if test.read > 0 {
					if err := server.XReadGroup(ctx, &redis.XReadGroupArgs{Group: "g", Consumer: "c", Streams: []string{events.Stream, ">"}, Count: int64(test.read)}).Err(); err != nil {
						t.Fatal(err)
					}
				}
				if test.moved > 0 {
					err := server.XGroupDestroy(ctx, events.Stream, "g").Err()
					if err == nil {
						err = server.XGroupCreate(ctx, events.Stream, "g", ids[test.moved-1]).Err()
					}
					if err != nil {
						t.Fatal(err)
					}
				}
				report, err := b.Report(ctx)
				if err != nil {
					t.Fatal(err)
				}
				if got := report.Streams[0].Groups[0].Lag; got != int64(test.lag) {
					t.Errorf("the lag is %d, not %d", got, test.lag)
				}
			})
		})
	}
}

// dead waits until a bus reports one dead letter, and returns the report.
func dead(t *testing.T, b *events.Bus) console.Report {
	t.Helper()
	var report console.Report
	eventually(t, "the event is dead", func() bool {
		var err error
		if report, err = b.Report(t.Context()); err != nil {
			t.Fatal(err)
		}
		return len(report.Dead) == 1
	})
	return report
}

func TestRetriedDeadLetterIsHandledOnce(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, address string) {
		db := store(t)
		b := bus(t, db, address)
		var cause defect
		start(t, b.Relay)
		start(t, b.Consume(events.Consumer{Group: "g", Types: []string{events.OrderCreated}, Handler: cause.handle}))
		appendEvents(t, db, events.OrderCreated, "a", 7, 8)
		letter := dead(t, b).Dead[0]
		if letter.Service != "test" || letter.Group != "g" || letter.Stream != events.Stream || letter.Type != events.OrderCreated ||
			letter.Subject != "a" || letter.Attempts != 1 || letter.Error != "there is no such user" || string(letter.Payload) != "7" ||
			letter.EventID == "" || time.Since(letter.Time).Abs() > time.Hour {
			t.Errorf("dead letter %+v with payload %s", letter, letter.Payload)
		}

		cause.repaired.Store(true)
		var retries sync.WaitGroup
		results := make([]error, 8)
		for i := range results {
			retries.Go(func() { results[i] = b.Retry(t.Context(), letter.ID) })
		}
		retries.Wait()
		succeeded := 0
		for _, err := range results {
			switch {
			case err == nil:
				succeeded++
			case !errors.Is(err, console.ErrRetried):
				t.Errorf("a concurrent retry returned %v", err)
			}
		}
		if succeeded != 1 {
			t.Errorf("%d of the concurrent retries succeeded", succeeded)
		}
		appendEvents(t, db, events.OrderCreated, "b", 0, 1) // arrives after all that was retried
		eventually(t, "the last event arrived", func() bool { return len(effects(t, db, "b")) == 1 })
		if got := effects(t, db, "a"); !slices.Equal(got, []string{"7"}) {
			t.Errorf("the retried event has the effects %v", got)
		}
		if report, err := b.Report(t.Context()); err != nil || len(report.Dead) != 0 {
			t.Errorf("dead letters after the retry: %+v, %v", report.Dead, err)
		}
	})
}

// A retry of an event that fails again makes a new dead letter, which can be retried.
func TestRetryThatFailsMakesNewDeadLetter(t *testing.T) {
	t.Parallel()
	db := store(t)
	b := bus(t, db, miniredis.RunT(t).Addr())
	var cause defect
	start(t, b.Relay)
	start(t, b.Consume(events.Consumer{Group: "g", Types: []string{events.OrderCreated}, Handler: cause.handle}))
	appendEvents(t, db, events.OrderCreated, "a", 0, 1)
	first := dead(t, b).Dead[0]
	if err := b.Retry(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	var second console.DeadLetter
	eventually(t, "the event is dead again", func() bool {
		report, err := b.Report(t.Context())
		if err != nil || len(report.Dead) != 1 {
			return false
		}
		second = report.Dead[0]
		return true
	})
	if second.ID == first.ID || second.EventID != first.EventID {
		t.Errorf("the second dead letter is %+v, the first was %+v", second, first)
	}
	cause.repaired.Store(true)
	if err := b.Retry(t.Context(), second.ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the event is handled", func() bool { return len(effects(t, db, "a")) == 1 })
}

// A retry concerns the group that failed. Another group would handle the event again if it has
// forgotten that it did.
func TestRetryReachesOnlyTheGroupThatFailed(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, address string) {
		failing, other := store(t), store(t)
		b, bystander := bus(t, failing, address), bus(t, other, address)
		var cause defect
		start(t, b.Relay)
		start(t, b.Consume(events.Consumer{Group: "failing", Types: []string{events.OrderCreated}, Handler: cause.handle}))
		start(t, bystander.Consume(events.Consumer{Group: "bystander", Types: []string{events.OrderCreated}, Handler: record}))
		appendEvents(t, failing, events.OrderCreated, "a", 0, 1)
		letter := dead(t, b).Dead[0]
		eventually(t, "the bystander has handled the event", func() bool { return len(effects(t, other, "a")) == 1 })
		if report, err := bystander.Report(t.Context()); err != nil || len(report.Dead) != 0 {
			t.Errorf("the bystander reports dead letters of another service: %+v, %v", report.Dead, err)
		}
		if err := bystander.Retry(t.Context(), letter.ID); !errors.Is(err, console.ErrNotFound) {
			t.Errorf("the bystander retried the dead letter of another service: %v", err)
		}

		if _, err := other.Exec(t.Context(), `delete from processed_events`); err != nil { // their retention is over
			t.Fatal(err)
		}
		cause.repaired.Store(true)
		if err := b.Retry(t.Context(), letter.ID); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the event is handled", func() bool { return len(effects(t, failing, "a")) == 1 })
		appendEvents(t, failing, events.OrderCreated, "b", 0, 1)
		eventually(t, "the last event arrived", func() bool { return len(effects(t, other, "b")) == 1 })
		if got := effects(t, other, "a"); len(got) != 1 {
			t.Errorf("the bystander handled the event %d times", len(got))
		}
	})
}

func TestRetryRefusesWhatIsNotADeadLetter(t *testing.T) {
	t.Parallel()
	b := bus(t, store(t), miniredis.RunT(t).Addr())
	for _, id := range []string{"", "-", "+", "1-1", "0", "x", "1-1 2-2", strings.Repeat("9", 50) + "-0"} {
		if err := b.Retry(t.Context(), id); !errors.Is(err, console.ErrNotFound) {
			t.Errorf("retry of %q: %v", id, err)
		}
	}
}

func TestReportShowsOutboxAndStream(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, address string) {
		db := store(t)
		b := bus(t, db, address)
		empty, err := b.Report(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if empty.Outbox[0].Pending != 0 || empty.Streams[0].Length != 0 || empty.Dead == nil {
			t.Errorf("the report about nothing is %+v", empty)
		}
		appendEvents(t, db, events.OrderCreated, "a", 0, 20)
		waiting, err := b.Report(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if o := waiting.Outbox[0]; o.Service != "test" || o.Pending != 20 || o.OldestAge <= 0 || o.Published != 0 {
			t.Errorf("before the relay runs, the outbox is %+v", o)
		}
		start(t, b.Relay)
		reached := make(chan struct{})
		stuck := func(ctx context.Context, tx pgx.Tx, e events.Event) error {
			if len(effects(t, db, "a")) == 5 {
				close(reached)
				<-ctx.Done()
				return ctx.Err()
			}
			return record(ctx, tx, e)
		}
		start(t, b.Consume(events.Consumer{Group: "g", Types: []string{events.OrderCreated}, Handler: stuck}))
		<-reached
		if _, err := db.Exec(t.Context(), `update event_outbox set published_at = now()`); err != nil { // on a slow machine it was long ago
			t.Fatal(err)
		}
		got, err := b.Report(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if o := got.Outbox[0]; o.Pending != 0 || o.OldestAge != 0 || o.Published != 2 {
			t.Errorf("after 20 events in the last 10 s, the outbox is %+v", o)
		}
		s := got.Streams[0]
		if s.Name != events.Stream || s.Length != 20 || len(s.Groups) != 1 || s.Groups[0].Name != "g" ||
			s.Groups[0].Pending == 0 || s.Groups[0].Consumers != 1 {
			t.Errorf("the stream is %+v", s)
		}
	})
}

// Whatever is in Redis, a report is small.
func TestReportIsBounded(t *testing.T) {
	t.Parallel()
	mini := miniredis.RunT(t)
	b := bus(t, store(t), mini.Addr())
	b.Consume(events.Consumer{Group: "g"})
	long := strings.Repeat("ä", 50_000)
	redisClient := client(t, mini)
	for i := range 2 * console.MaxDeadLetters {
		event := long
		if i%2 == 0 {
			event = `{"specversion":"1.0","id":"` + long + `","source":"/souk/test","type":"` + long + `","subject":"` + long + `","data":"` + long + `"}`
		}
		err := redisClient.XAdd(t.Context(), &redis.XAddArgs{Stream: "souk:events:dead", Values: []any{
			"type", long, "event", event, "group", "g", "error", long, "attempts", "3",
		}}).Err()
		if err != nil {
			t.Fatal(err)
		}
	}
	report, err := b.Report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Dead) != console.MaxDeadLetters {
		t.Fatalf("%d dead letters", len(report.Dead))
	}
	for _, d := range report.Dead {
		if size := len(d.Payload) + len(d.Error) + len(d.Type) + len(d.EventID) + len(d.Subject); size > 8<<10 {
			t.Fatalf("a dead letter has %d bytes", size)
		}
	}
}
