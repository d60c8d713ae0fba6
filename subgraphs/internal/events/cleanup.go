package events

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"souk/subgraphs/internal/database"
)

const (
	// retention is how long published events stay in the outbox and in the
	// stream. Those that a consumer group has not read stay longer.
	retention = 72 * time.Hour
	// maxRetention bounds how long events stay in the outbox for a group that
	// does not read, and those that are dead letters.
	maxRetention = 21 * 24 * time.Hour
	// processedRetention is how long a consumer remembers processed events. It
	// must exceed maxRetention: the relay can send an event again until then.
	processedRetention = 30 * 24 * time.Hour
	cleanupInterval    = time.Minute
	// maxStreamLength bounds the stream. If it is full of entries that a group
	// has not read, the relays stop and events wait in the outboxes.
	maxStreamLength = 1_000_000
	// floorKey is the Redis key of the ID up to which the stream was trimmed.
	floorKey = "souk:events:floor"
)

// ErrStreamFull means that the stream has its maximum length and that a
// consumer group has not read its start.
var ErrStreamFull = errors.New("the event stream is full")

// deleteOld deletes events that are older than their retention, that every
// consumer group has read and that are no dead letters.
func (b *Bus) deleteOld(ctx context.Context) error {
	if err := b.trim(ctx, time.Now().Add(-retention)); err != nil {
		return err
	}
	floor, err := b.floor(ctx)
	if err != nil {
		return err
	}
	trimmed, _ := splitID(floor)
	dead, err := b.ownDeadLetters(ctx)
	if err != nil {
		return err
	}
	// An event that is still in the stream may be unread, and a dead letter is
	// not handled. If Redis loses them, the outbox has the only copy.
	err = database.Delete(ctx, b.db, `
		delete from event_outbox o
		where published_at < now() - $3::interval
		   or published_at < now() - $1::interval
		      and split_part(stream_id, '-', 1)::bigint < $2
		      and not exists (select from unnest($4::text[]) dead(id) where dead.id = o.id::text)`,
		retention, int64(trimmed), maxRetention, dead)
	if err != nil {
		return fmt.Errorf("deleting old events: %w", err)
	}
	if err := database.Delete(ctx, b.db, `delete from processed_events where processed_at < now() - $1::interval`, processedRetention); err != nil {
		return fmt.Errorf("deleting records of processed events: %w", err)
	}
	return nil
}

// trimming removes the entries before an ID from the stream and remembers that
// ID, unless a later one is remembered.
//
// KEYS: the stream, the key of the floor. ARGV: the ID.
var trimming = redis.NewScript(`
local function split(id)
	local time, sequence = string.match(id, '^(%d+)-(%d+)$')
	return tonumber(time), tonumber(sequence)
end
local floor = redis.call('GET', KEYS[2]) or '0-0'
local oldTime, oldSequence = split(floor)
local newTime, newSequence = split(ARGV[1])
if newTime < oldTime or (newTime == oldTime and newSequence <= oldSequence) then
	return 0
end
redis.call('SET', KEYS[2], ARGV[1])
return redis.call('XTRIM', KEYS[1], 'MINID', ARGV[1])`)

// trim removes the entries from the stream that were added before a time and
// that every consumer group has handled. Without a group it removes none: the
// first group has yet to read them.
func (b *Bus) trim(ctx context.Context, before time.Time) error {
	read, _, err := b.firstUnread(ctx)
	if err != nil || read == "" {
		return err
	}
	id := fmt.Sprintf("%d-0", before.UnixMilli())
	if compareIDs(read, id) < 0 {
		id = read
	}
	return b.trimTo(ctx, id)
}

func (b *Bus) trimTo(ctx context.Context, id string) error {
	milliseconds, sequence := splitID(id) // the position of a new group may lack the sequence
	id = fmt.Sprintf("%d-%d", milliseconds, sequence)
	if err := trimming.Run(ctx, b.redis, []string{Stream, floorKey}, id).Err(); err != nil {
		return fmt.Errorf("trimming the stream: %w", err)
	}
	return nil
}

// firstUnread returns an ID such that every group has handled all entries
// before it, and the group that has not handled the one after. Both are empty
// if there is no group.
func (b *Bus) firstUnread(ctx context.Context) (id, group string, err error) {
	groups, err := b.redis.XInfoGroups(ctx, Stream).Result()
	if err != nil && !isNoStream(err) {
		return "", "", fmt.Errorf("reading the consumer groups: %w", err)
	}
	for _, g := range groups {
		first := g.LastDeliveredID
		if g.Pending > 0 {
			pending, err := b.redis.XPending(ctx, Stream, g.Name).Result()
			if err != nil {
				return "", "", fmt.Errorf("reading the pending events of the group %s: %w", g.Name, err)
			}
			if pending.Count > 0 && compareIDs(pending.Lower, first) < 0 {
				first = pending.Lower
			}
		}
		if id == "" || compareIDs(first, id) < 0 {
			id, group = first, g.Name
		}
	}
	return id, group, nil
}

// makeRoom removes handled entries if the stream has its maximum length. If
// that does not help, it returns ErrStreamFull: removing unread entries would
// lose events, and a longer stream would fill Redis.
func (b *Bus) makeRoom(ctx context.Context) error {
	length, err := b.redis.XLen(ctx, Stream).Result()
	if err != nil {
		return fmt.Errorf("reading the length of the stream: %w", err)
	}
	if length < b.maxStreamLength {
		return nil
	}
	if err := b.trim(ctx, time.Now()); err != nil {
		return err
	}
	if length, err = b.redis.XLen(ctx, Stream).Result(); err != nil {
		return fmt.Errorf("reading the length of the stream: %w", err)
	}
	if length < b.maxStreamLength {
		return nil
	}
	_, group, err := b.firstUnread(ctx)
	if err != nil {
		return err
	}
	if group == "" { // no consumer: keep the newest events
		return b.dropOldest(ctx)
	}
	return fmt.Errorf("%w: it has %d entries, and the consumer group %s has not handled the oldest; "+
		"start the service of that group, or destroy the group if it is no longer used", ErrStreamFull, length, group)
}

// dropOldest removes as many entries from the stream as a batch adds.
func (b *Bus) dropOldest(ctx context.Context) error {
	oldest, err := b.redis.XRangeN(ctx, Stream, "-", "+", relayBatchSize+1).Result()
	if err != nil {
		return fmt.Errorf("reading the start of the stream: %w", err)
	}
	if len(oldest) == 0 {
		return nil
	}
	return b.trimTo(ctx, oldest[len(oldest)-1].ID)
}
