package callback

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"
)

// A Subscription receives messages for one subscription. One goroutine takes them.
type Subscription struct {
	// ID identifies the subscription in its URL and messages. Verifier proves that a message
	// comes from whom the router has asked. Both are random, with 128 bits or more.
	ID, Verifier string

	receiver *Receiver
	messages chan *Message
	heard    chan struct{}
	last     atomic.Int64 // when the last message arrived, in Unix nanoseconds
	ended    chan struct{}
	once     sync.Once
}

// A Message is an event, or the end of the subscription.
type Message struct {
	// Payload is a GraphQL response. It is valid until Done.
	Payload json.RawMessage
	// Complete is set if the subscription has ended, with a list of errors or nil.
	Complete bool
	Errors   json.RawMessage

	done chan struct{}
}

// Done must be called for each message when it has been processed. The sender waits for it, so
// that no more than one event of a subscription takes memory.
func (m *Message) Done() { close(m.done) }

// Messages returns the channel of messages, except checks.
func (s *Subscription) Messages() <-chan *Message { return s.messages }

// Heard receives a value after a message of any kind has arrived.
func (s *Subscription) Heard() <-chan struct{} { return s.heard }

// Last returns when the last message of any kind has arrived; zero if none has.
func (s *Subscription) Last() time.Time {
	at := s.last.Load()
	if at == 0 {
		return time.Time{}
	}
	return time.Unix(0, at)
}

// Close ends the subscription. Later messages for it are refused with status 404, which tells the
// subgraph to end it, too.
func (s *Subscription) Close() {
	s.once.Do(func() {
		s.receiver.remove(s)
		close(s.ended)
	})
}

// send hands a message to the goroutine that takes them, and waits until it is processed. It
// reports false if the subscription has ended.
func (s *Subscription) send(ctx context.Context, m *Message) bool {
	select {
	case s.messages <- m:
	case <-s.ended:
		return false
	case <-ctx.Done():
		return false
	}
	<-m.done
	return true
}

// keptBytes is the capacity up to which buffers of messages are reused.
const keptBytes = 64 << 10

var buffers sync.Pool

// A buffer holds a message.
type buffer struct{ bytes.Buffer }

func newBuffer() *buffer {
	if b, ok := buffers.Get().(*buffer); ok {
		return b
	}
	return new(buffer)
}

func (b *buffer) free() {
	if b.Cap() <= keptBytes {
		b.Reset()
		buffers.Put(b)
	}
}
