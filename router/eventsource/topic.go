package eventsource

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"souk/router/telemetry"
)

// A topic is read by one goroutine for all of its subscribers.
type topic struct {
	hub     *Hub
	key     topicKey
	source  Source
	metrics *telemetry.EventTopic
	ctx     context.Context
	cancel  context.CancelFunc
	users   int // guarded by the Hub

	// started is closed when head is known, or the first attempts have failed.
	started chan struct{}

	mu sync.Mutex
	// head is the cursor after the last event that subscribers got.
	head        string
	subscribers map[*subscriber]struct{}
	err         error // why no more events follow
}

// run reads the topic until it has no users.
func (t *topic) run() {
	defer t.cancel()
	if !t.begin() {
		return
	}
	o := &t.hub.options
	wait := o.Interval
	for {
		began := time.Now()
		err := t.source.Follow(t.ctx, t.key.name, t.position(), t.publish)
		if t.ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("the provider ended the stream")
		}
		o.Observe(t.ctx, t.key.provider, err)
		if errors.Is(err, ErrTrimmed) {
			o.Logger.ErrorContext(t.ctx, "events are lost", "provider", t.key.provider, "topic", t.key.name, "after", t.position(), "error", err)
			t.fail(fmt.Errorf("reading the topic: %w", err))
			return
		}
		if time.Since(began) > o.MaxInterval {
			wait = o.Interval // it had recovered
		}
		o.Logger.WarnContext(t.ctx, "reading events again", "provider", t.key.provider, "topic", t.key.name, "after", t.position(), "error", err, "retry_in", wait)
		t.metrics.Reconnects.Inc()
		if !pause(t.ctx, wait) {
			return
		}
		wait = min(2*wait, o.MaxInterval)
	}
}

// begin finds the end of the topic, where the reader starts. It gives up after ConnectTimeout.
func (t *topic) begin() bool {
	defer close(t.started)
	o := &t.hub.options
	ctx, cancel := context.WithTimeout(t.ctx, o.ConnectTimeout)
	defer cancel()
	for wait := o.Interval; ; wait = min(2*wait, o.MaxInterval) {
		head, err := t.source.End(ctx, t.key.name)
		if err == nil {
			o.Observe(t.ctx, t.key.provider, nil)
			t.mu.Lock()
			t.head = head
			t.mu.Unlock()
			return true
		}
		if t.ctx.Err() != nil {
			t.fail(t.ctx.Err())
			return false
		}
		if !pause(ctx, wait) {
			o.Observe(t.ctx, t.key.provider, err)
			o.Logger.WarnContext(t.ctx, "a provider of events is unavailable", "provider", t.key.provider, "topic", t.key.name, "error", err)
			t.fail(err)
			return false
		}
	}
}

func (t *topic) position() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.head
}

// publish queues an event for each subscriber. It never waits for one.
func (t *topic) publish(e *Event) {
	t.metrics.Received.Inc()
	o := &t.hub.options
	o.Observe(t.ctx, t.key.provider, nil)
	tooLarge := len(e.Payload) > o.MaxEventBytes
	if tooLarge {
		t.metrics.TooLarge.Inc()
		o.Logger.WarnContext(t.ctx, "an event is too large", "provider", t.key.provider, "topic", t.key.name, "event", e.ID, "bytes", len(e.Payload), "max_event_bytes", o.MaxEventBytes)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.head = t.source.Advance(t.head, e)
	if tooLarge {
		return
	}
	for s := range t.subscribers {
		s.push(e)
	}
}

// fail ends the topic for its subscribers and for those that are about to join.
func (t *topic) fail(err error) {
	t.hub.forget(t)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = err
	for s := range t.subscribers {
		s.wake()
	}
}

// attach makes a subscriber receive what follows, with an empty queue. It returns the
// cursor after which that begins.
func (t *topic) attach(s *subscriber) (head string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.subscribers[s] = struct{}{}
	s.reset()
	return t.head, t.err
}

func (t *topic) detach(s *subscriber) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.subscribers, s)
}

// failure returns why no more events follow, or nil.
func (t *topic) failure() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}
