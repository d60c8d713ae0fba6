package eventsource

import (
	"context"
	"errors"
	"sync"
)

// A Source is a message broker that keeps events: Redis Streams, NATS JetStream or Kafka. Each
// topic has events in an order that is the same for all readers, except that Kafka orders only
// the events of a partition. A cursor is a position in a topic: what lies before it has been
// read. It is a short printable text, which clients get as the ID of an event. A Source is safe
// for concurrent use.
type Source interface {
	// CheckTopic reports why the literal part of a topic's name cannot be used.
	CheckTopic(literal string) error
	// End returns the cursor after the last event of a topic.
	End(ctx context.Context, topic string) (string, error)
	// Verify makes sure that all events after a cursor are still kept. The error wraps
	// [ErrInvalidCursor] or [ErrTrimmed] if they are not.
	Verify(ctx context.Context, topic, cursor string) error
	// Follow calls deliver with each event after a cursor, in order, and waits for further
	// ones until ctx is done or the broker fails. The error wraps [ErrTrimmed] if the
	// broker has removed events that it has not read.
	Follow(ctx context.Context, topic, after string, deliver func(*Event)) error
	// Range calls deliver with the events after a cursor and up to another one, and returns
	// deliver's error. It wraps ErrTrimmed as Follow does.
	Range(ctx context.Context, topic, after, until string, deliver func(*Event) error) error
	// Advance returns the cursor after an event, for a reader that was at a cursor. It
	// returns the same cursor if the event lies before it.
	Advance(cursor string, e *Event) string
	// Behind reports whether events may lie between two cursors.
	Behind(cursor, other string) bool
	// Close closes the connections. Calls in progress fail.
	Close() error
}

var (
	// ErrInvalidCursor means that a text is not a cursor of the topic.
	ErrInvalidCursor = errors.New("it is not the ID of an event of this subscription")
	// ErrTrimmed means that events after a cursor are not kept any more.
	ErrTrimmed = errors.New("events after it are not kept any more")
)

// An Event is a message of a topic. It is shared by all subscribers.
type Event struct {
	// ID is the event's own position, in the form that its Source uses.
	ID string
	// Payload is the message, JSON if it is valid.
	Payload []byte

	once    sync.Once
	decoded any
	err     error
}

// value returns the decoded payload, which must not be changed.
func (e *Event) value() (any, error) {
	e.once.Do(func() { e.decoded, e.err = decode(e.Payload) })
	return e.decoded, e.err
}
