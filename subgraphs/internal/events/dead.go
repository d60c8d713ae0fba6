package events

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/redis/go-redis/v9"
)

// Fields of a dead-letter entry, in addition to those of the event. An entry of
// the stream also has fieldGroup if it is a redelivery to one group.
const (
	fieldGroup    = "group"
	fieldError    = "error"
	fieldAttempts = "attempts"
)

// maxDeadLetters bounds the length of the dead-letter stream.
const maxDeadLetters = 100_000

// redeliveredFor is how long a dead letter that was redelivered is remembered.
const redeliveredFor = time.Hour

var (
	// ErrNoDeadLetter means that a dead letter does not exist, or belongs to
	// another service.
	ErrNoDeadLetter = errors.New("the dead letter does not exist")
	// ErrRedelivered means that a dead letter was redelivered in the last hour.
	ErrRedelivered = errors.New("the dead letter has been redelivered")
)

// DeadLetter is an event that a consumer group could not handle.
type DeadLetter struct {
	ID       string // in the dead-letter stream
	Group    string
	Type     string
	Event    Event  // zero if the entry is not a CloudEvent
	Error    string // of the last attempt
	Attempts int

	text string // the event as received
}

// A DeadLetterFilter selects dead letters. Empty fields match all.
type DeadLetterFilter struct {
	Group, Type string
}

func (f DeadLetterFilter) matches(d DeadLetter) bool {
	return (f.Group == "" || f.Group == d.Group) && (f.Type == "" || f.Type == d.Type)
}

// DeadLetters returns the dead letters of all services that match a filter,
// oldest first, up to count.
func DeadLetters(ctx context.Context, client redis.UniversalClient, filter DeadLetterFilter, count int) ([]DeadLetter, error) {
	letters := []DeadLetter{}
	for letter, err := range allDeadLetters(ctx, client) {
		if err != nil {
			return nil, err
		}
		if filter.matches(letter) {
			letters = append(letters, letter)
		}
		if len(letters) == count {
			break
		}
	}
	return letters, nil
}

// allDeadLetters reads the dead letters of all services page by page, oldest
// first. An error ends the sequence.
func allDeadLetters(ctx context.Context, client redis.UniversalClient) iter.Seq2[DeadLetter, error] {
	return func(yield func(DeadLetter, error) bool) {
		for start := "-"; ; {
			page, err := client.XRangeN(ctx, deadStream, start, "+", deadLetterPage).Result()
			if err != nil {
				yield(DeadLetter{}, fmt.Errorf("reading the dead letters: %w", err))
				return
			}
			for _, message := range page {
				if message.ID == start {
					continue // the end of the page before: not every server supports the exclusive "("
				}
				if !yield(readDeadLetter(message), nil) {
					return
				}
			}
			if len(page) < deadLetterPage {
				return
			}
			start = page[len(page)-1].ID
		}
	}
}

// ownDeadLetters returns the IDs of the events of this service that are dead
// letters of any group: at most maxDeadLetters.
func (b *Bus) ownDeadLetters(ctx context.Context) ([]string, error) {
	ids := []string{}
	for letter, err := range allDeadLetters(ctx, b.redis) {
		if err != nil {
			return nil, err
		}
		if letter.Event.Source == b.source {
			ids = append(ids, letter.Event.ID)
		}
	}
	return ids, nil
}

// deadLetterPage is how many dead letters are read at a time.
const deadLetterPage = 500

// Time returns when the event became a dead letter.
func (d DeadLetter) Time() time.Time {
	milliseconds, _ := splitID(d.ID)
	return time.UnixMilli(int64(milliseconds)).UTC() //nolint:gosec // Redis makes the ID from a clock
}

func readDeadLetter(message redis.XMessage) DeadLetter {
	text := func(field string) string { s, _ := message.Values[field].(string); return s }
	d := DeadLetter{
		ID: message.ID, Group: text(fieldGroup), Type: text(fieldType), Error: text(fieldError), text: text(fieldEvent),
	}
	d.Attempts, _ = strconv.Atoi(text(fieldAttempts))
	if envelope, err := parseEnvelope(d.text); err == nil {
		d.Event = envelope.event()
	}
	return d
}

// redelivery moves a dead letter back to the stream. A script is atomic, so of
// concurrent redeliveries one succeeds. The entry names the group, so that the
// others skip it: one that has forgotten the event would handle it again.
//
// KEYS: the dead-letter stream, the stream, the key that remembers the
// redelivery. ARGV: the ID of the dead letter, the seconds to remember it, the
// groups that may be redelivered to, or an asterisk for all.
var redelivery = redis.NewScript(`
local entry = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not entry then
	return redis.call('EXISTS', KEYS[3]) == 1 and 'redelivered' or 'missing'
end
local fields = {}
for i = 1, #entry[2], 2 do
	fields[entry[2][i]] = entry[2][i + 1]
end
for i = 3, #ARGV do
	if fields.group == ARGV[i] or ARGV[i] == '*' then
		redis.call('XADD', KEYS[2], '*', 'type', fields.type or '', 'event', fields.event or '', 'group', fields.group)
		redis.call('XDEL', KEYS[1], ARGV[1])
		redis.call('SET', KEYS[3], '1', 'EX', ARGV[2])
		return 'done'
	end
end
return 'missing'`)

// entryID is the form of the IDs that Redis gives to entries.
var entryID = regexp.MustCompile(`^[0-9]{1,20}-[0-9]{1,20}$`)

// Redeliver moves the event of a dead letter back to the stream, for the group
// that could not handle it, which must be one of this service. It does so once:
// a repeated or concurrent call returns ErrRedelivered, or ErrNoDeadLetter
// after an hour. The group ignores an event that it has processed since.
func (b *Bus) Redeliver(ctx context.Context, id string) error {
	return redeliver(ctx, b.redis, id, b.groups())
}

// Redeliver does what [Bus.Redeliver] does, for the groups of all services.
func Redeliver(ctx context.Context, client redis.UniversalClient, id string) error {
	return redeliver(ctx, client, id, []string{"*"})
}

func redeliver(ctx context.Context, client redis.UniversalClient, id string, groups []string) error {
	if !entryID.MatchString(id) {
		return fmt.Errorf("%w: %.60q is not an ID", ErrNoDeadLetter, id)
	}
	args := []any{id, int(redeliveredFor.Seconds())}
	for _, group := range groups {
		args = append(args, group)
	}
	result, err := redelivery.Run(ctx, client, []string{deadStream, Stream, "souk:events:redelivered:" + id}, args...).Text()
	switch {
	case err != nil:
		return fmt.Errorf("redelivering the dead letter %s: %w", id, err)
	case result == "redelivered":
		return fmt.Errorf("%w: %s", ErrRedelivered, id)
	case result == "missing":
		return fmt.Errorf("%w: %s", ErrNoDeadLetter, id)
	}
	return nil
}

// isPostgresError reports whether Postgres responded with an error, as opposed
// to being unreachable.
func isPostgresError(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused)
}
