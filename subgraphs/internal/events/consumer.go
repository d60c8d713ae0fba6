package events

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

// Consumer handles the events of some types, each once, and in order for each
// subject. Events of different subjects that wait at the same time may be handled
// in one transaction.
type Consumer struct {
	// Group is the consumer group. All processes of a service share it.
	Group string
	Types []string
	// Handler applies an event within the given transaction. It is called
	// again if it fails and after a crash, but never after its transaction has
	// committed. Effects outside the database do not belong here: write a row
	// from which a worker takes them.
	Handler func(ctx context.Context, tx pgx.Tx, e Event) error
	// Prepare, unless nil, is called with the events that are about to be handled in
	// one transaction, before it begins, so that what they need is fetched together.
	// The handlers get the context that it returns. It is not called for an event
	// that is handled alone.
	Prepare func(ctx context.Context, all []Event) (context.Context, error)

	// Upcasters has, for a type of event, the conversions of its data from
	// version 1 to 2, from 2 to 3 and so on. An event of a later version than
	// the last one waits, and the later events of its subject with it, until
	// another release takes over the group.
	Upcasters map[string][]Upcaster

	// MaxAttempts is how often an event is attempted before it goes to the
	// dead-letter stream; 8 if zero. MaxUnavailable is the same for attempts
	// that fail because something is unavailable, see Unavailable; 3000 if
	// zero, which takes two days. FirstRetry is the wait before the second
	// attempt (500 ms if zero). It doubles with every attempt, up to a minute.
	MaxAttempts    int
	MaxUnavailable int
	FirstRetry     time.Duration
}

const (
	readBatchSize = 64
	readBlock     = time.Second
	maxRetry      = time.Minute
	maxQueued     = 1024 // bound on events read but not handled
)

// errLeadershipLost means that another process has started to read for the
// group.
var errLeadershipLost = errors.New("another process has taken over the consumer group")

// permanentError is a failure that a retry cannot fix.
type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// Permanent marks an error of a handler as one that retries cannot fix: the
// event goes to the dead-letter stream immediately.
func Permanent(err error) error { return permanentError{err} }

// unavailableError is a failure that has nothing to do with the event.
type unavailableError struct{ error }

func (e unavailableError) Unwrap() error { return e.error }

// Unavailable marks an error of a handler as one of something that the handler
// needs, such as another service. The event is attempted much more often than
// after other errors, because it is likely to succeed when that is back.
func Unavailable(err error) error { return unavailableError{err} }

// Consume returns a worker that runs a consumer.
func (b *Bus) Consume(c Consumer) func(context.Context) error {
	if c.MaxAttempts == 0 {
		c.MaxAttempts = 8
	}
	if c.MaxUnavailable == 0 {
		c.MaxUnavailable = 3000
	}
	if c.FirstRetry == 0 {
		c.FirstRetry = 500 * time.Millisecond
	}
	b.mu.Lock()
	b.consumed = append(b.consumed, c.Group)
	b.mu.Unlock()
	b.metrics.export(c)
	return func(ctx context.Context) error {
		ctx = untraced(ctx)
		var measuring sync.WaitGroup
		defer measuring.Wait()
		measuring.Go(func() { b.measureGroup(ctx, c) })
		return b.retry(ctx, "consumer group "+c.Group, func(ctx context.Context) error {
			return b.runAsLeader(ctx, c)
		})
	}
}

// runAsLeader reads as the group's only reader, because events of a subject
// must be handled in order. A Postgres advisory lock elects the leader. A
// process that dies loses the lock with its connection.
//
// A former leader may not notice that it lost the lock. It cannot read more
// events, because the new leader has put its own token into Redis (see read).
// It may still handle events that it has read. That is harmless: the new
// leader starts with the same events, of two transactions for one event the
// second waits for the first, and then finds the event processed.
func (b *Bus) runAsLeader(ctx context.Context, c Consumer) error {
	lock, err := pgx.ConnectConfig(ctx, b.db.Config().ConnConfig)
	if err != nil {
		return fmt.Errorf("connecting to Postgres for the leader lock: %w", err)
	}
	defer lock.Close(context.WithoutCancel(ctx))
	var leader bool
	err = lock.QueryRow(ctx, "select pg_try_advisory_lock($1)", lockKey("consumer/"+c.Group)).Scan(&leader)
	if err != nil {
		return fmt.Errorf("acquiring the leader lock: %w", err)
	}
	if !leader {
		return errStandby
	}
	r := &reader{bus: b, consumer: c, token: b.name + "/" + rand.Text(), queues: map[string]*queue{}}
	if err := r.join(ctx); err != nil {
		return err
	}
	if err := r.takeOver(ctx); err != nil {
		return err
	}
	for ctx.Err() == nil {
		if err := lock.Ping(ctx); err != nil {
			return fmt.Errorf("lost the connection of the leader lock: %w", err)
		}
		if err := r.step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// join creates the group if necessary, at the start of the stream, and
// prevents earlier readers from reading on.
func (r *reader) join(ctx context.Context) error {
	err := r.bus.redis.XGroupCreateMkStream(ctx, Stream, r.consumer.Group, "0").Err()
	if err != nil && !strings.HasPrefix(err.Error(), "BUSYGROUP") {
		return fmt.Errorf("creating the consumer group: %w", err)
	}
	if err := r.bus.redis.Set(ctx, r.readerKey(), r.token, 0).Err(); err != nil {
		return fmt.Errorf("registering as the group's reader: %w", err)
	}
	groups, err := r.bus.redis.XInfoGroups(ctx, Stream).Result()
	if err != nil {
		return fmt.Errorf("reading the group's position in the stream: %w", err)
	}
	r.last = "0-0"
	if i := slices.IndexFunc(groups, r.isOwn); i >= 0 {
		r.last = groups[i].LastDeliveredID
	}
	return nil
}

func (r *reader) isOwn(g redis.XInfoGroup) bool { return g.Name == r.consumer.Group }

// readerKey returns the Redis key that holds the token of the group's reader.
func (r *reader) readerKey() string { return "souk:events:reader:" + r.consumer.Group }

// takeOver claims the events that earlier readers of the group left
// unfinished, in order.
func (r *reader) takeOver(ctx context.Context) error {
	tries, err := r.previousDeliveries(ctx)
	if err != nil {
		return err
	}
	for start := "0-0"; ; {
		claimed, next, err := r.bus.redis.XAutoClaim(ctx, &redis.XAutoClaimArgs{
			Stream: Stream, Group: r.consumer.Group, Consumer: r.bus.name, Start: start, Count: readBatchSize,
		}).Result()
		if err != nil {
			return fmt.Errorf("claiming unfinished events: %w", err)
		}
		if err := r.enqueueAll(ctx, claimed, tries); err != nil {
			return err
		}
		if next == "0-0" || next == "" {
			break
		}
		start = next
	}
	if err := r.removeDeadConsumers(ctx); err != nil {
		return err
	}
	return r.processDue(ctx)
}

// previousDeliveries returns how often each pending entry was delivered
// before. The count also ends events that crash the process.
func (r *reader) previousDeliveries(ctx context.Context) (map[string]int, error) {
	tries := map[string]int{}
	for start := "-"; ; {
		pending, err := r.bus.redis.XPendingExt(ctx, &redis.XPendingExtArgs{
			Stream: Stream, Group: r.consumer.Group, Start: start, End: "+", Count: readBatchSize,
		}).Result()
		if err != nil {
			return nil, fmt.Errorf("reading pending events: %w", err)
		}
		for _, p := range pending {
			tries[p.ID] = int(p.RetryCount) - 1
		}
		if len(pending) < readBatchSize {
			return tries, nil
		}
		start = pending[len(pending)-1].ID // inclusive: not every server supports the exclusive "("
	}
}

// removeDeadConsumers removes the consumers of ended processes from the group.
func (r *reader) removeDeadConsumers(ctx context.Context) error {
	consumers, err := r.bus.redis.XInfoConsumers(ctx, Stream, r.consumer.Group).Result()
	if err != nil {
		return fmt.Errorf("listing the consumers of the group: %w", err)
	}
	for _, other := range consumers {
		if other.Name == r.bus.name || other.Pending > 0 {
			continue
		}
		if err := r.bus.redis.XGroupDelConsumer(ctx, Stream, r.consumer.Group, other.Name).Err(); err != nil {
			return fmt.Errorf("removing a dead consumer from the group: %w", err)
		}
	}
	return nil
}

// step reads new events, unless too many are queued, and handles those that
// are due.
func (r *reader) step(ctx context.Context) error {
	if r.queued >= maxQueued {
		sleep(ctx, min(readBlock, r.untilDue()))
		return r.processDue(ctx)
	}
	messages, err := r.read(ctx)
	if err != nil {
		return err
	}
	if len(messages) == 0 {
		return errors.Join(r.await(ctx), r.processDue(ctx))
	}
	r.last = messages[len(messages)-1].ID
	if err := r.enqueueAll(ctx, messages, nil); err != nil {
		return err
	}
	return r.processDue(ctx)
}

// read returns the next events, or errLeadershipLost if another reader has
// taken over. WATCH makes the check and the read atomic.
func (r *reader) read(ctx context.Context) (messages []redis.XMessage, err error) {
	var reading *redis.XStreamSliceCmd
	err = r.bus.redis.Watch(ctx, func(tx *redis.Tx) error {
		name, err := tx.Get(ctx, r.readerKey()).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
		if name != r.token {
			return redis.TxFailedErr
		}
		_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
			reading = p.XReadGroup(ctx, &redis.XReadGroupArgs{
				Group: r.consumer.Group, Consumer: r.bus.name,
				Streams: []string{Stream, ">"}, Count: readBatchSize, Block: -1,
			})
			return nil
		})
		return err
	}, r.readerKey())
	switch {
	case errors.Is(err, redis.Nil):
		return nil, nil
	case errors.Is(err, redis.TxFailedErr):
		return nil, errLeadershipLost
	case err != nil:
		return nil, fmt.Errorf("reading the stream: %w", err) // includes NOGROUP: the next leader creates the group again
	}
	for _, stream := range reading.Val() {
		messages = append(messages, stream.Messages...)
	}
	return messages, nil
}

// await waits until there may be work. It reads outside the group, so it takes no
// events from other consumers.
func (r *reader) await(ctx context.Context) error {
	err := r.bus.redis.XRead(ctx, &redis.XReadArgs{
		Streams: []string{Stream, r.last}, Count: 1,
		Block: max(time.Millisecond, min(readBlock, r.untilDue())),
	}).Err()
	if err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("waiting for events: %w", err)
	}
	return nil
}
