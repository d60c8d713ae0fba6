package events

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

// Consumer handles the events of some types, once each, in their order for
// each subject.
type Consumer struct {
	// Group is the consumer group: all processes of a service use the same.
	Group string
	Types []string
	// Handler has the event's effects in the transaction it is given. It is
	// called again when it fails, and after a crash, but never again once its
	// transaction is committed. An effect outside the database belongs into a
	// table from which a worker takes it.
	Handler func(ctx context.Context, tx pgx.Tx, e Event) error

	// MaxAttempts is how often a failing event is tried before it goes to the
	// dead-letter stream; 8 if zero. FirstRetry is the wait before the second
	// try (500 ms if zero); it doubles with every try, up to a minute.
	MaxAttempts int
	FirstRetry  time.Duration
}

const (
	readBatch  = 64
	readBlock  = time.Second
	maxRetry   = time.Minute
	maxWaiting = 1024 // events held back before no more are read
	lagEvery   = 5 * time.Second
)

// permanentError is a failure that no further try will mend.
type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// Permanent marks a handler's error as one that no further try will mend: the
// event goes to the dead-letter stream at once.
func Permanent(err error) error { return permanentError{err} }

// Consume makes the worker that runs a consumer.
func (b *Bus) Consume(c Consumer) func(context.Context) error {
	if c.MaxAttempts == 0 {
		c.MaxAttempts = 8
	}
	if c.FirstRetry == 0 {
		c.FirstRetry = 500 * time.Millisecond
	}
	return func(ctx context.Context) error {
		return b.retry(untraced(ctx), "the consumer "+c.Group, func(ctx context.Context) error {
			return b.lead(ctx, c)
		})
	}
}

// lead works as the group's only reader. Order needs one reader; which process
// it is, a Postgres lock decides, that a dead process loses with its
// connection.
func (b *Bus) lead(ctx context.Context, c Consumer) error {
	lock, err := pgx.ConnectConfig(ctx, b.db.Config().ConnConfig)
	if err != nil {
		return fmt.Errorf("connecting for the lock: %w", err)
	}
	defer lock.Close(context.WithoutCancel(ctx))
	var leader bool
	err = lock.QueryRow(ctx, "select pg_try_advisory_lock($1)", lockNumber("consumer/"+c.Group)).Scan(&leader)
	if err != nil {
		return fmt.Errorf("locking the consumer group: %w", err)
	}
	if !leader {
		return errStandby
	}
	if err := b.ensureGroup(ctx, c.Group); err != nil {
		return err
	}
	r := &reader{bus: b, consumer: c, queues: map[string]*queue{}}
	if err := r.takeOver(ctx); err != nil {
		return err
	}
	var measured time.Time
	for ctx.Err() == nil {
		if err := lock.Ping(ctx); err != nil {
			return fmt.Errorf("the lock's connection broke: %w", err)
		}
		if time.Since(measured) > lagEvery {
			measured = time.Now()
			r.measure(ctx)
		}
		if err := r.turn(ctx); err != nil {
			return err
		}
	}
	return nil
}

// ensureGroup makes the group, from the beginning of the stream.
func (b *Bus) ensureGroup(ctx context.Context, group string) error {
	err := b.redis.XGroupCreateMkStream(ctx, Stream, group, "0").Err()
	if err != nil && !strings.HasPrefix(err.Error(), "BUSYGROUP") {
		return fmt.Errorf("making the consumer group: %w", err)
	}
	return nil
}

// takeOver claims what earlier readers of the group left unfinished, in order.
func (r *reader) takeOver(ctx context.Context) error {
	tries, err := r.earlierTries(ctx)
	if err != nil {
		return err
	}
	for start := "0-0"; ; {
		claimed, next, err := r.bus.redis.XAutoClaim(ctx, &redis.XAutoClaimArgs{
			Stream: Stream, Group: r.consumer.Group, Consumer: r.bus.name, Start: start, Count: readBatch,
		}).Result()
		if err != nil {
			return fmt.Errorf("taking over events: %w", err)
		}
		if err := r.take(ctx, claimed, tries); err != nil {
			return err
		}
		if next == "0-0" || next == "" {
			break
		}
		start = next
	}
	if err := r.forgetOthers(ctx); err != nil {
		return err
	}
	return r.work(ctx)
}

// earlierTries says how often each pending entry was delivered before. An
// event that kills its process is given up by this count.
func (r *reader) earlierTries(ctx context.Context) (map[string]int, error) {
	tries := map[string]int{}
	for start := "-"; ; {
		pending, err := r.bus.redis.XPendingExt(ctx, &redis.XPendingExtArgs{
			Stream: Stream, Group: r.consumer.Group, Start: start, End: "+", Count: readBatch,
		}).Result()
		if err != nil {
			return nil, fmt.Errorf("reading the unfinished events: %w", err)
		}
		for _, p := range pending {
			tries[p.ID] = int(p.RetryCount) - 1
		}
		if len(pending) < readBatch {
			return tries, nil
		}
		start = pending[len(pending)-1].ID // read again: not every server knows "("
	}
}

// forgetOthers takes dead readers, who have nothing left, off the group.
func (r *reader) forgetOthers(ctx context.Context) error {
	consumers, err := r.bus.redis.XInfoConsumers(ctx, Stream, r.consumer.Group).Result()
	if err != nil {
		return fmt.Errorf("listing the readers of the group: %w", err)
	}
	for _, other := range consumers {
		if other.Name == r.bus.name || other.Pending > 0 {
			continue
		}
		if err := r.bus.redis.XGroupDelConsumer(ctx, Stream, r.consumer.Group, other.Name).Err(); err != nil {
			return fmt.Errorf("taking a dead reader off the group: %w", err)
		}
	}
	return nil
}

// turn reads new events, if there is room for them, and works on what is due.
func (r *reader) turn(ctx context.Context) error {
	if r.waiting >= maxWaiting {
		sleep(ctx, min(readBlock, r.untilDue()))
		return r.work(ctx)
	}
	streams, err := r.bus.redis.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: r.consumer.Group, Consumer: r.bus.name,
		Streams: []string{Stream, ">"}, Count: readBatch,
		Block: max(time.Millisecond, min(readBlock, r.untilDue())),
	}).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("reading the stream: %w", err) // NOGROUP too: the next lead makes it anew
	}
	for _, stream := range streams {
		if err := r.take(ctx, stream.Messages, nil); err != nil {
			return err
		}
	}
	return r.work(ctx)
}

// measure reports how far the group is behind.
func (r *reader) measure(ctx context.Context) {
	groups, err := r.bus.redis.XInfoGroups(ctx, Stream).Result()
	if err != nil {
		return // a server without it still works
	}
	i := slices.IndexFunc(groups, func(g redis.XInfoGroup) bool { return g.Name == r.consumer.Group })
	if i >= 0 {
		r.bus.metrics.lags.WithLabelValues(r.consumer.Group).Set(float64(max(0, groups[i].Lag)))
	}
	r.bus.metrics.retrying.WithLabelValues(r.consumer.Group).Set(float64(r.waiting))
}
