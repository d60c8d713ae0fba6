package events

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// maxStreamLength bounds the stream, even if a consumer group has not read its
// start: an abandoned group must not fill Redis.
const maxStreamLength = 1_000_000

// deleteOld deletes events that are older than their retention.
func (b *Bus) deleteOld(ctx context.Context) error {
	if _, err := b.db.Exec(ctx, `delete from event_outbox where published_at < now() - $1::interval`, retention); err != nil {
		return fmt.Errorf("deleting old events: %w", err)
	}
	if _, err := b.db.Exec(ctx, `delete from processed_events where processed_at < now() - $1::interval`, processedRetention); err != nil {
		return fmt.Errorf("deleting records of processed events: %w", err)
	}
	oldest := strconv.FormatInt(time.Now().Add(-retention).UnixMilli(), 10)
	if err := b.redis.XTrimMinIDApprox(ctx, Stream, oldest, 0).Err(); err != nil {
		return fmt.Errorf("trimming the stream: %w", err)
	}
	if err := b.redis.XTrimMaxLenApprox(ctx, Stream, maxStreamLength, 0).Err(); err != nil {
		return fmt.Errorf("trimming the stream: %w", err)
	}
	return nil
}
