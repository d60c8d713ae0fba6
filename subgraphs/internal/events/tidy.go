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

// tidy takes away what is too old to be of use, and measures the outbox.
func (b *Bus) tidy(ctx context.Context) error {
	var waiting int64
	var age float64
	err := b.db.QueryRow(ctx, `
		select count(*), coalesce(extract(epoch from now() - min(time)), 0)::float8
		from event_outbox where published_at is null`).Scan(&waiting, &age)
	if err != nil {
		return fmt.Errorf("measuring the outbox: %w", err)
	}
	b.metrics.outboxWaiting.WithLabelValues().Set(float64(waiting))
	b.metrics.outboxAge.WithLabelValues().Set(max(0, age))

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
