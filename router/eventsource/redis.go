package eventsource

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// redisPage is the number of entries that one command reads.
	redisPage = 128
	// redisBlock is how long a command waits for entries.
	redisBlock = 5 * time.Second
	// redisStart is the cursor before the first entry of a stream.
	redisStart = "0-0"
)

// A Redis is a Source of Redis Streams. The name of a topic is the key of a stream, without the
// prefix. A cursor is the ID of an entry. Each topic that is read occupies one connection.
type Redis struct {
	client redis.UniversalClient
	prefix string
	field  string
}

var _ Source = (*Redis)(nil)

// NewRedis returns a Source of the streams whose keys begin with a prefix. The payload is the
// value of a field of the entries. The Source closes the client.
func NewRedis(client redis.UniversalClient, prefix, field string) *Redis {
	return &Redis{client: client, prefix: prefix, field: field}
}

// Close implements Source.
func (r *Redis) Close() error { return r.client.Close() }

// CheckTopic implements Source.
func (r *Redis) CheckTopic(string) error { return nil }

// An entryID is the ID of an entry: milliseconds and a sequence number.
type entryID struct{ ms, seq uint64 }

func parseEntryID(s string) (id entryID, ok bool) {
	ms, seq, found := strings.Cut(s, "-")
	var errMS, errSeq error
	id.ms, errMS = strconv.ParseUint(ms, 10, 64)
	id.seq, errSeq = strconv.ParseUint(seq, 10, 64)
	return id, found && errMS == nil && errSeq == nil
}

func (id entryID) before(other entryID) bool {
	return id.ms < other.ms || id.ms == other.ms && id.seq < other.seq
}

// Advance implements Source.
func (r *Redis) Advance(cursor string, e *Event) string {
	if r.Behind(cursor, e.ID) {
		return e.ID
	}
	return cursor
}

// Behind implements Source.
func (r *Redis) Behind(cursor, other string) bool {
	a, _ := parseEntryID(cursor)
	b, _ := parseEntryID(other)
	return a.before(b)
}

// End implements Source. A stream that does not exist yet ends at its start.
func (r *Redis) End(ctx context.Context, topic string) (string, error) {
	info, err := r.client.XInfoStream(ctx, r.prefix+topic).Result()
	switch {
	case isNoStream(err):
		return redisStart, nil
	case err != nil:
		return "", fmt.Errorf("XINFO STREAM: %w", err)
	case info.LastGeneratedID != "":
		return info.LastGeneratedID, nil
	}
	last, err := r.client.XRevRangeN(ctx, r.prefix+topic, "+", "-", 1).Result()
	switch {
	case err != nil:
		return "", fmt.Errorf("XREVRANGE: %w", err)
	case len(last) == 0:
		return redisStart, nil
	}
	return last[0].ID, nil
}

func isNoStream(err error) bool {
	return err != nil && (errors.Is(err, redis.Nil) || strings.Contains(err.Error(), "no such key"))
}

// Verify implements Source.
func (r *Redis) Verify(ctx context.Context, topic, cursor string) error {
	at, ok := parseEntryID(cursor)
	if !ok {
		return ErrInvalidCursor
	}
	info, entries, err := r.read(ctx, topic, cursor, cursor, 1)
	switch {
	case err != nil:
		return err
	case info == nil && at == entryID{}:
		return nil
	case info == nil:
		return fmt.Errorf("%w: there is no such stream", ErrTrimmed)
	}
	return complete(info, at, len(entries) > 0, caughtUp{})
}

// read returns the state of a stream and its entries from an ID on and up to another one, as of
// one moment. The state is nil if there is no stream.
func (r *Redis) read(ctx context.Context, topic, from, until string, count int64) (*redis.XInfoStream, []redis.XMessage, error) {
	var info *redis.XInfoStreamCmd
	var entries *redis.XMessageSliceCmd
	_, err := r.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		info = p.XInfoStream(ctx, r.prefix+topic)
		entries = p.XRangeN(ctx, r.prefix+topic, from, until, count)
		return nil
	})
	if isNoStream(err) || isNoStream(info.Err()) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading the stream %s: %w", r.prefix+topic, err)
	}
	return info.Val(), entries.Val(), nil
}

// A caughtUp reader has read a stream to its end, when that many entries had ever been added, or 0
// before version 7 of Redis.
type caughtUp struct {
	ever  bool
	added int64
}

// complete returns ErrTrimmed unless a stream has all entries that were added after an ID. present
// says that it has the entry with the ID. An ID that has been trimmed away itself counts as too
// old, even if it was the last one trimmed: Redis does not tell. It tells a reader that had caught up how many were
// added since.
func complete(info *redis.XInfoStream, at entryID, present bool, reader caughtUp) error {
	if err := same(info, at, present, reader.added); err != nil {
		return err
	}
	if reader.ever && info.EntriesAdded-reader.added <= info.Length {
		return nil
	}
	last, known := parseEntryID(info.LastGeneratedID)
	if !known || info.EntriesAdded == info.Length && info.EntriesAdded > 0 || !at.before(last) {
		return nil
	}
	first, ok := parseEntryID(info.FirstEntry.ID)
	if info.Length > 0 && ok && (!at.before(first) || info.EntriesAdded == 0 && at == entryID{}) {
		return nil
	}
	return fmt.Errorf("%w: the stream begins at %s", ErrTrimmed, info.FirstEntry.ID)
}

// same returns ErrTrimmed if a stream is another one than that which had an entry: it was deleted
// and created again, or Redis lost its data. present says that the stream has the entry. before is
// the number of entries that had ever been added when the reader looked before, or 0.
func same(info *redis.XInfoStream, at entryID, present bool, before int64) error {
	last, known := parseEntryID(info.LastGeneratedID)
	switch {
	case info.EntriesAdded < before:
		return fmt.Errorf("%w: the stream was replaced, only %d entries were ever added", ErrTrimmed, info.EntriesAdded)
	case !known || present || at == entryID{} || at == last:
		return nil
	case last.before(at):
		return fmt.Errorf("%w: the stream was replaced, its last ID is %s", ErrTrimmed, info.LastGeneratedID)
	}
	deleted, known := parseEntryID(info.MaxDeletedEntryID) // by XDEL
	if !known || !deleted.before(at) {
		return nil // Redis before version 7, or the entry may have been deleted
	}
	first, ok := parseEntryID(info.FirstEntry.ID)
	trimmed := info.EntriesAdded > info.Length && (!ok || at.before(first))
	if trimmed {
		return nil
	}
	return fmt.Errorf("%w: the stream was replaced, it begins at %s", ErrTrimmed, info.FirstEntry.ID)
}

// page reads entries after a cursor and up to another one, and makes sure that none is missing. The
// reader has caught up if it gets less than a page of all entries.
func (r *Redis) page(ctx context.Context, topic, after, until string, reader caughtUp) ([]redis.XMessage, caughtUp, error) {
	info, entries, err := r.read(ctx, topic, after, until, redisPage+1)
	if err != nil || info == nil {
		return nil, caughtUp{}, err
	}
	at, _ := parseEntryID(after)
	present := false
	if len(entries) > 0 {
		first, _ := parseEntryID(entries[0].ID)
		present = first == at
	}
	if err := complete(info, at, present, reader); err != nil {
		return nil, caughtUp{}, err
	}
	if present {
		entries = entries[1:]
	}
	return entries, caughtUp{len(entries) < redisPage, info.EntriesAdded}, nil
}

// Range implements Source.
func (r *Redis) Range(ctx context.Context, topic, after, until string, deliver func(*Event) error) error {
	for {
		entries, _, err := r.page(ctx, topic, after, until, caughtUp{})
		if err != nil {
			return err
		}
		for _, m := range entries {
			if err := deliver(r.event(m)); err != nil {
				return err
			}
			after = m.ID
		}
		if len(entries) < redisPage {
			return nil
		}
	}
}

// Follow implements Source. It reads in pages until it has caught up, and then waits until an entry is
// added. It reads that in a page, too: what XREAD returns may lack entries that were trimmed away before, or be
// of another stream. The stream is also looked at when it has waited in vain: a command that waits does not
// end when the stream is deleted.
func (r *Redis) Follow(ctx context.Context, topic, after string, deliver func(*Event)) error {
	var reader caughtUp
	for ctx.Err() == nil {
		entries, now, err := r.page(ctx, topic, after, "+", reader)
		if err != nil {
			return err
		}
		for _, m := range entries {
			deliver(r.event(m))
			if after = m.ID; ctx.Err() != nil {
				return ctx.Err()
			}
		}
		if reader = now; len(entries) >= redisPage {
			continue
		}
		err = r.client.XRead(ctx, &redis.XReadArgs{Streams: []string{r.prefix + topic, after}, Count: 1, Block: redisBlock}).Err()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !errors.Is(err, redis.Nil):
			return fmt.Errorf("XREAD: %w", err)
		}
	}
	return ctx.Err()
}

func (r *Redis) event(m redis.XMessage) *Event {
	payload, _ := m.Values[r.field].(string)
	return &Event{ID: m.ID, Payload: []byte(payload)}
}
