package events

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// maxStream is how long the stream may get at most, even if a consumer group
// has not read its beginning: Redis must not fill up for a group that is gone.
const maxStream = 1_000_000

// tidy takes away what is too old to be of use.
func (b *Bus) tidy(ctx context.Context) error {
	if _, err := b.db.Exec(ctx, `delete from event_outbox where published_at < now() - $1::interval`, retention); err != nil {
		return fmt.Errorf("deleting old events: %w", err)
	}
	if _, err := b.db.Exec(ctx, `delete from processed_events where processed_at < now() - $1::interval`, memory); err != nil {
		return fmt.Errorf("forgetting events handled long ago: %w", err)
	}
	oldest := strconv.FormatInt(time.Now().Add(-retention).UnixMilli(), 10)
	if err := b.redis.XTrimMinIDApprox(ctx, Stream, oldest, 0).Err(); err != nil {
		return fmt.Errorf("trimming the stream: %w", err)
	}
	if err := b.redis.XTrimMaxLenApprox(ctx, Stream, maxStream, 0).Err(); err != nil {
		return fmt.Errorf("trimming the stream: %w", err)
	}
	return nil
}
