package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"

	console "souk/router/console/events"
)

// maxScanned bounds how many dead letters a report reads to find those of its
// service. They are at most a few kilobytes each.
const maxScanned = 500

// Report returns the state of the service's outbox, of the stream, and the
// newest dead letters of the service's consumer groups.
func (b *Bus) Report(ctx context.Context) (console.Report, error) {
	outbox, err := b.outboxReport(ctx)
	if err != nil {
		return console.Report{}, err
	}
	stream, err := b.streamReport(ctx)
	if err != nil {
		return console.Report{}, err
	}
	length, err := b.redis.XLen(ctx, deadStream).Result()
	if err != nil {
		return console.Report{}, fmt.Errorf("reading the length of the dead-letter stream: %w", err)
	}
	dead, err := b.deadReport(ctx)
	if err != nil {
		return console.Report{}, err
	}
	return console.Report{
		Outbox:  []console.Outbox{outbox},
		Streams: []console.Stream{stream, {Name: deadStream, Length: length, Groups: []console.Group{}}},
		Dead:    dead,
	}, nil
}

// publishedWindow is the time over which the rate of publishing is measured.
// maxMeasured bounds the events that are counted for it.
const (
	publishedWindow = 10 * time.Second
	maxMeasured     = 50_000
)

func (b *Bus) outboxReport(ctx context.Context) (console.Outbox, error) {
	waiting, age, err := b.measureOutbox(ctx)
	if err != nil {
		return console.Outbox{}, err
	}
	var published int
	err = b.db.QueryRow(ctx, `
		select count(*) from (
			select from event_outbox where published_at > now() - $1::interval limit $2) p`,
		publishedWindow, maxMeasured).Scan(&published)
	if err != nil {
		return console.Outbox{}, fmt.Errorf("counting the published events: %w", err)
	}
	return console.Outbox{
		Service: b.service(), Pending: int(waiting), OldestAge: age,
		Published: float64(published) / publishedWindow.Seconds(),
	}, nil
}

func (b *Bus) service() string { return strings.TrimPrefix(b.source, "/souk/") }

func (b *Bus) streamReport(ctx context.Context) (console.Stream, error) {
	length, err := b.redis.XLen(ctx, Stream).Result()
	if err != nil {
		return console.Stream{}, fmt.Errorf("reading the length of the stream: %w", err)
	}
	s := console.Stream{Name: Stream, Length: length, Groups: []console.Group{}}
	groups, err := b.redis.XInfoGroups(ctx, Stream).Result()
	if err != nil && !isNoStream(err) {
		return s, fmt.Errorf("reading the consumer groups: %w", err)
	}
	for _, g := range groups {
		lag, err := b.lag(ctx, g)
		if err != nil {
			return s, err
		}
		s.Groups = append(s.Groups, console.Group{Name: g.Name, Lag: lag, Pending: g.Pending, Consumers: g.Consumers})
	}
	return s, nil
}

// maxCounted bounds the entries that are counted for a lag, and countedAtOnce those that Redis
// reads at a time.
const (
	maxCounted    = 10_000
	countedAtOnce = 1_000
)

// counting returns the number of entries after an ID, up to a maximum, and the ID of the last
// of them. The entries stay in Redis.
//
// KEYS: the stream. ARGV: the ID, the maximum.
var counting = redis.NewScript(`
local entries = redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])
return {#entries, #entries > 0 and entries[#entries][1] or ARGV[1]}`)

// lag returns how many events a group has not been given yet. Redis knows unless entries were
// deleted, or the group began inside the stream. A server that does not count what groups have
// read, as the one in souk dev, reports the length of the stream instead. In both cases lag
// counts the entries itself, up to maxCounted. A group that was given nothing has the whole
// stream before it.
func (b *Bus) lag(ctx context.Context, g redis.XInfoGroup) (int64, error) {
	if compareIDs(g.LastDeliveredID, "0-0") == 0 {
		n, err := b.redis.XLen(ctx, Stream).Result()
		if err != nil {
			return 0, fmt.Errorf("counting the entries of the stream: %w", err)
		}
		return n, nil
	}
	if g.EntriesRead > 0 && g.Lag >= 0 {
		return g.Lag, nil
	}
	sum, after := int64(0), g.LastDeliveredID
	for sum < maxCounted {
		reply, err := counting.Run(ctx, b.redis, []string{Stream}, after, countedAtOnce).Slice()
		if err != nil {
			return 0, fmt.Errorf("counting the events that the group %s has not read: %w", g.Name, err)
		}
		n, isNumber := reply[0].(int64)
		last, isText := reply[1].(string)
		if !isNumber || !isText { // unreachable: the script returns these
			return 0, fmt.Errorf("counting the events that the group %s has not read: the reply is %v", g.Name, reply)
		}
		sum += n
		if n < countedAtOnce {
			break
		}
		after = last
	}
	return sum, nil
}

// isNoStream reports whether Redis has no stream yet: nothing was published.
func isNoStream(err error) bool { return strings.Contains(err.Error(), "no such key") }

// deadReport returns the newest dead letters of the service's groups.
func (b *Bus) deadReport(ctx context.Context) ([]console.DeadLetter, error) {
	messages, err := b.redis.XRevRangeN(ctx, deadStream, "+", "-", maxScanned).Result()
	if err != nil {
		return nil, fmt.Errorf("reading the dead letters: %w", err)
	}
	groups := b.groups()
	letters := []console.DeadLetter{}
	for _, message := range messages {
		letter := readDeadLetter(message)
		if !slices.Contains(groups, letter.Group) {
			continue
		}
		letters = append(letters, b.shown(letter))
		if len(letters) == console.MaxDeadLetters {
			break
		}
	}
	return letters, nil
}

// shown returns a dead letter as a report has it, with bounded texts.
func (b *Bus) shown(d DeadLetter) console.DeadLetter {
	return console.DeadLetter{
		Service: b.service(), Stream: Stream, ID: d.ID, Group: d.Group,
		Type: cut(d.Type, maxName), EventID: cut(d.Event.ID, maxName), Subject: cut(d.Event.Subject, maxName),
		Attempts: d.Attempts, Error: cut(d.Error, console.MaxError), Time: d.Time(),
		Payload: payload(d),
	}
}

// maxName bounds the names in a report, in bytes.
const maxName = 200

// payload returns the data of a dead letter's event. If the data is too long,
// it is a string with the beginning; if the entry is not an event, a string
// with the entry.
func payload(d DeadLetter) json.RawMessage {
	data, _ := d.Event.Data.(json.RawMessage)
	switch {
	case d.Event.ID == "":
		return quoted(d.text)
	case len(data) == 0:
		return json.RawMessage("null")
	case len(data) > console.MaxPayload:
		return quoted(string(data))
	}
	return data
}

func quoted(text string) json.RawMessage {
	data, err := json.Marshal(cut(text, console.MaxPayload))
	if err != nil { // unreachable: a string can be encoded
		panic(err)
	}
	return data
}

// cut shortens a text to a number of bytes, at the start of a character.
func cut(text string, size int) string {
	if len(text) <= size {
		return text
	}
	for size > 0 && !utf8.RuneStart(text[size]) {
		size--
	}
	return text[:size] + "…"
}

// Retry publishes the event of a dead letter again, if a group of this service
// could not handle it. See Redeliver.
func (b *Bus) Retry(ctx context.Context, id string) error {
	err := b.Redeliver(ctx, id)
	switch {
	case errors.Is(err, ErrNoDeadLetter):
		return console.ErrNotFound
	case errors.Is(err, ErrRedelivered):
		return console.ErrRetried
	}
	return err
}

// groups returns the consumer groups that the service has.
func (b *Bus) groups() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.consumed)
}
