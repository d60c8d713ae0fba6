package events

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/redis/go-redis/v9"
)

// Fields of a dead-letter entry, in addition to those of the event.
const (
	fieldGroup    = "group"
	fieldError    = "error"
	fieldAttempts = "attempts"
)

// maxDeadLetters bounds the length of the dead-letter stream.
const maxDeadLetters = 100_000

// DeadLetter is an event that a consumer group could not handle.
type DeadLetter struct {
	ID       string // in the dead-letter stream
	Group    string
	Event    Event
	Error    string // of the last attempt
	Attempts int
}

// DeadLetters returns up to count dead letters, oldest first.
func (b *Bus) DeadLetters(ctx context.Context, count int64) ([]DeadLetter, error) {
	messages, err := b.redis.XRangeN(ctx, deadStream, "-", "+", count).Result()
	if err != nil {
		return nil, fmt.Errorf("reading the dead letters: %w", err)
	}
	letters := make([]DeadLetter, len(messages))
	for i, message := range messages {
		text := func(field string) string { s, _ := message.Values[field].(string); return s }
		letters[i] = DeadLetter{ID: message.ID, Group: text(fieldGroup), Error: text(fieldError)}
		letters[i].Attempts, _ = strconv.Atoi(text(fieldAttempts))
		if envelope, err := parseEnvelope(text(fieldEvent)); err == nil {
			letters[i].Event = envelope.event()
		}
	}
	return letters, nil
}

// Redeliver moves a dead letter's event back to the stream. Groups that have
// processed the event ignore it.
func (b *Bus) Redeliver(ctx context.Context, id string) error {
	messages, err := b.redis.XRangeN(ctx, deadStream, id, id, 1).Result()
	if err != nil {
		return fmt.Errorf("reading the dead letter %s: %w", id, err)
	}
	if len(messages) == 0 {
		return fmt.Errorf("dead letter %s does not exist", id)
	}
	_, err = b.redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.XAdd(ctx, &redis.XAddArgs{Stream: Stream, Values: []any{
			fieldType, messages[0].Values[fieldType], fieldEvent, messages[0].Values[fieldEvent],
		}})
		p.XDel(ctx, deadStream, id)
		return nil
	})
	if err != nil {
		return fmt.Errorf("redelivering the dead letter %s: %w", id, err)
	}
	return nil
}

// isPostgresError reports whether Postgres responded with an error, as opposed
// to being unreachable.
func isPostgresError(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused)
}
