package events

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

// recoverLost looks for events that Redis lost and marks them as unpublished.
func (b *Bus) recoverLost(ctx context.Context, tx pgx.Tx) error {
	last, err := b.lastPublished(ctx, tx)
	if err != nil || last == "" {
		return err
	}
	found, err := b.redis.XRangeN(ctx, Stream, last, last, 1).Result()
	if err != nil {
		return fmt.Errorf("looking for the last published event in the stream: %w", err)
	}
	if len(found) > 0 {
		return nil
	}
	return b.requeueLost(ctx, tx)
}

// lastPublished returns the stream ID of the event that was published last. It
// is empty if there is none, or if the event may have been trimmed, because
// every group has read it: all earlier ones may have been, too.
func (b *Bus) lastPublished(ctx context.Context, tx pgx.Tx) (string, error) {
	var last string
	err := tx.QueryRow(ctx, `
		select stream_id from event_outbox
		where published_at is not null
		order by published_at desc, position desc limit 1`).Scan(&last)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("looking up the last published event: %w", err)
	}
	floor, err := b.floor(ctx)
	if err != nil || compareIDs(last, floor) < 0 {
		return "", err
	}
	return last, nil
}

// floor returns the ID up to which the stream has been trimmed. An entry with
// this ID or a later one is missing only if Redis lost it. If Redis lost
// everything, the floor is lost with it, and nothing counts as trimmed.
func (b *Bus) floor(ctx context.Context) (string, error) {
	floor, err := b.redis.Get(ctx, floorKey).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", fmt.Errorf("reading how far the stream was trimmed: %w", err)
	}
	return cmp.Or(floor, "0-0"), nil
}

// lossPage is how many published events requeueLost looks for at a time.
const lossPage = 1000

// requeueLost marks every event as unpublished that should be in the stream
// but is not.
func (b *Bus) requeueLost(ctx context.Context, tx pgx.Tx) error {
	floor, err := b.floor(ctx)
	if err != nil {
		return err
	}
	count := int64(0)
	for after := int64(-1); ; {
		page, err := publishedAfter(ctx, tx, after)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		after = page[len(page)-1].Position
		lost, err := b.missing(ctx, page, floor)
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `
			update event_outbox set published_at = null, stream_id = null where position = any($1)`, lost)
		if err != nil {
			return fmt.Errorf("requeueing lost events: %w", err)
		}
		count += tag.RowsAffected()
	}
	b.metrics.lost.WithLabelValues().Add(float64(count))
	b.logger.WarnContext(ctx, "Redis lost events; publishing them again", "count", count)
	return nil
}

// publishedEvent is an event of the outbox that was added to the stream.
type publishedEvent struct {
	Position int64
	StreamID string
}

func publishedAfter(ctx context.Context, tx pgx.Tx, position int64) ([]publishedEvent, error) {
	rows, err := tx.Query(ctx, `
		select position, stream_id from event_outbox
		where position > $1 and published_at is not null order by position limit $2`, position, lossPage)
	if err != nil {
		return nil, fmt.Errorf("reading the published events: %w", err)
	}
	page, err := pgx.CollectRows(rows, pgx.RowToStructByPos[publishedEvent])
	if err != nil {
		return nil, fmt.Errorf("reading the published events: %w", err)
	}
	return page, nil
}

// missing returns the positions of the events that the stream lacks although
// it was not trimmed that far.
func (b *Bus) missing(ctx context.Context, page []publishedEvent, floor string) ([]int64, error) {
	pipeline := b.redis.Pipeline()
	found := make([]*redis.XMessageSliceCmd, len(page))
	for i, p := range page {
		found[i] = pipeline.XRangeN(ctx, Stream, p.StreamID, p.StreamID, 1)
	}
	if _, err := pipeline.Exec(ctx); err != nil {
		return nil, fmt.Errorf("looking for published events in the stream: %w", err)
	}
	var lost []int64
	for i, p := range page {
		if len(found[i].Val()) == 0 && compareIDs(p.StreamID, floor) >= 0 {
			lost = append(lost, p.Position)
		}
	}
	return lost, nil
}

// compareIDs compares two IDs of stream entries: milliseconds, a hyphen and a
// sequence number.
func compareIDs(a, b string) int {
	aTime, aSequence := splitID(a)
	bTime, bSequence := splitID(b)
	return cmp.Or(cmp.Compare(aTime, bTime), cmp.Compare(aSequence, bSequence))
}

// splitID splits the ID of a stream entry. Redis makes the IDs, so they are
// valid.
func splitID(id string) (milliseconds, sequence uint64) {
	first, second, _ := strings.Cut(id, "-")
	milliseconds, _ = strconv.ParseUint(first, 10, 64)
	sequence, _ = strconv.ParseUint(second, 10, 64)
	return milliseconds, sequence
}
