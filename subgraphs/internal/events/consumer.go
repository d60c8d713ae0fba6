package events

import (
	"context"
	"crypto/rand"
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

// errReplaced says that another process has begun to read for the group.
var errReplaced = errors.New("another reader has begun")

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
// connection. One that lost it without knowing cannot read any more, since the
// next has put its own name into Redis (read), and may well go on with what it
// has read: the next one begins with that, and of two who handle an event one
// waits for the other and then finds it done.
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
	r := &reader{bus: b, consumer: c, token: b.name + "/" + rand.Text(), queues: map[string]*queue{}}
	if err := r.begin(ctx); err != nil {
		return err
	}
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

// begin makes the group, from the beginning of the stream, and keeps earlier
// readers from reading on.
func (r *reader) begin(ctx context.Context) error {
	err := r.bus.redis.XGroupCreateMkStream(ctx, Stream, r.consumer.Group, "0").Err()
	if err != nil && !strings.HasPrefix(err.Error(), "BUSYGROUP") {
		return fmt.Errorf("making the consumer group: %w", err)
	}
	if err := r.bus.redis.Set(ctx, r.readerKey(), r.token, 0).Err(); err != nil {
		return fmt.Errorf("naming the group's reader: %w", err)
	}
	groups, err := r.bus.redis.XInfoGroups(ctx, Stream).Result()
	if err != nil {
		return fmt.Errorf("finding the group's place in the stream: %w", err)
	}
	r.last = "0-0"
	if i := slices.IndexFunc(groups, r.isOwn); i >= 0 {
		r.last = groups[i].LastDeliveredID
	}
	return nil
}

func (r *reader) isOwn(g redis.XInfoGroup) bool { return g.Name == r.consumer.Group }

// readerKey is where Redis has the name of the group's reader.
func (r *reader) readerKey() string { return "souk:events:reader:" + r.consumer.Group }

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
	messages, err := r.read(ctx)
	if err != nil {
		return err
	}
	if len(messages) == 0 {
		return errors.Join(r.await(ctx), r.work(ctx))
	}
	r.last = messages[len(messages)-1].ID
	if err := r.take(ctx, messages, nil); err != nil {
		return err
	}
	return r.work(ctx)
}

// read gives the next events, unless another reader has begun.
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
				Streams: []string{Stream, ">"}, Count: readBatch, Block: -1,
			})
			return nil
		})
		return err
	}, r.readerKey())
	switch {
	case errors.Is(err, redis.Nil):
		return nil, nil
	case errors.Is(err, redis.TxFailedErr):
		return nil, errReplaced
	case err != nil:
		return nil, fmt.Errorf("reading the stream: %w", err) // NOGROUP too: the next lead makes it anew
	}
	for _, stream := range reading.Val() {
		messages = append(messages, stream.Messages...)
	}
	return messages, nil
}

// await waits until there may be something to do. It reads outside the group,
// so what it sees is not taken from anybody.
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

// measure reports how far the group is behind.
func (r *reader) measure(ctx context.Context) {
	groups, err := r.bus.redis.XInfoGroups(ctx, Stream).Result()
	if err != nil {
		return // a server without it still works
	}
	if i := slices.IndexFunc(groups, r.isOwn); i >= 0 {
		r.bus.metrics.lags.WithLabelValues(r.consumer.Group).Set(float64(max(0, groups[i].Lag)))
	}
	r.bus.metrics.retrying.WithLabelValues(r.consumer.Group).Set(float64(r.waiting))
}
