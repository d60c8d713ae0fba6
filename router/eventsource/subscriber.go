package eventsource

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"souk/router/telemetry"
)

// A subscriber has a queue of events that it has not yet taken. When the queue is full, the
// events in it are forgotten, and the subscriber reads them from the source: the source is the
// queue that has room for all. So a slow subscriber delays nobody and loses nothing, unless the
// source itself removes events before the subscriber has read them.
type subscriber struct {
	topic *topic

	mu     sync.Mutex
	queue  []*Event
	bytes  int
	behind bool
	ready  chan struct{}
}

// push queues an event.
func (s *subscriber) push(e *Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.behind {
		return
	}
	o := &s.topic.hub.options
	if len(s.queue) > 0 && (len(s.queue) >= o.QueueEvents || s.bytes+len(e.Payload) > o.QueueBytes) {
		s.topic.metrics.Behind.Inc()
		s.behind, s.queue, s.bytes = true, nil, 0
	} else {
		s.queue = append(s.queue, e)
		s.bytes += len(e.Payload)
	}
	s.wake()
}

func (s *subscriber) wake() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

func (s *subscriber) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue, s.bytes, s.behind = nil, 0, false
}

// take returns the next event, or nil if there is none. It reports whether the subscriber
// must read events from the source.
func (s *subscriber) take() (e *Event, behind bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return nil, s.behind
	}
	e = s.queue[0]
	s.queue[0] = nil
	s.queue = s.queue[1:]
	s.bytes -= len(e.Payload)
	return e, false
}

// A RequestError says why the events that a client asks for cannot be sent.
type RequestError struct {
	// Code is the extensions.code, and Message the message for the client.
	Code, Message string
	Err           error
}

func (e *RequestError) Error() string { return e.Message }

func (e *RequestError) Unwrap() error { return e.Err }

// The values of extensions.code for event streams.
const (
	// CodeLastEventID: Last-Event-ID is not the ID of an event of the subscription.
	CodeLastEventID = "INVALID_LAST_EVENT_ID"
	// CodeEventsLost: the provider does not keep the events any more.
	CodeEventsLost = "EVENTS_LOST"
	// CodeBadUserInput: an argument cannot be part of the name of a topic.
	CodeBadUserInput = "BAD_USER_INPUT"
	// CodeTooManyTopics: the router reads as many topics as it may.
	CodeTooManyTopics = "TOO_MANY_TOPICS"
)

// asRequestError gives ErrTrimmed and ErrInvalidCursor their codes.
func asRequestError(err error) error {
	switch {
	case errors.Is(err, ErrInvalidCursor):
		return &RequestError{Code: CodeLastEventID, Message: "Last-Event-ID is not the ID of an event of this subscription. Subscribe again without it.", Err: err}
	case errors.Is(err, ErrTrimmed):
		return &RequestError{Code: CodeEventsLost, Message: "Events since the last one are not kept any more. Fetch the current state and subscribe again without Last-Event-ID.", Err: err}
	case errors.Is(err, errTooManyTopics):
		return &RequestError{Code: CodeTooManyTopics, Message: "The router has reached its limit of event streams. Try again later.", Err: err}
	}
	return err
}

// subscribe passes the events of a topic to emit, with the cursor after each, until ctx is done,
// emit fails or the events cannot be read. They begin after a cursor or, if that is "", with
// the next one.
func (h *Hub) subscribe(ctx context.Context, key topicKey, m *telemetry.EventTopic, after string, emit func(e *Event, cursor string) error) error {
	t, err := h.join(key, m)
	if err != nil {
		return asRequestError(err)
	}
	defer h.leave(t)
	m.Subscribers.Inc()
	defer m.Subscribers.Dec()
	select {
	case <-t.started:
	case <-ctx.Done():
		return ctx.Err()
	}
	s := &subscriber{topic: t, ready: make(chan struct{}, 1)}
	defer t.detach(s)
	head, err := t.attach(s)
	if err != nil {
		return asRequestError(err)
	}
	if after == "" {
		after = head
	} else if err := t.source.Verify(ctx, key.name, after); err != nil {
		return asRequestError(fmt.Errorf("reading from Last-Event-ID: %w", err))
	}
	return asRequestError(s.run(ctx, after, head, emit))
}

// A receiverError is an error of the function that receives the events.
type receiverError struct{ error }

func (e receiverError) Unwrap() error { return e.error }

func (s *subscriber) run(ctx context.Context, cursor, head string, emit func(*Event, string) error) error {
	t := s.topic
	send := func(e *Event) error {
		next := t.source.Advance(cursor, e)
		if next == cursor {
			return nil // it had that event
		}
		cursor = next
		if len(e.Payload) > t.hub.options.MaxEventBytes {
			return nil
		}
		if err := emit(e, cursor); err != nil {
			return receiverError{err}
		}
		return nil
	}
	for {
		for wait := t.hub.options.Interval; t.source.Behind(cursor, head); wait = min(2*wait, t.hub.options.MaxInterval) {
			err := t.source.Range(ctx, t.key.name, cursor, head, send)
			if err == nil {
				break
			}
			if errors.As(err, new(receiverError)) || errors.Is(err, ErrTrimmed) || errors.Is(err, ErrInvalidCursor) {
				return fmt.Errorf("reading past events: %w", err)
			}
			t.hub.options.Observe(ctx, t.key.provider, err)
			if !pause(ctx, wait) {
				return ctx.Err()
			}
		}
		for {
			e, behind := s.take()
			if behind {
				break
			}
			if e != nil {
				if err := send(e); err != nil {
					return err
				}
				continue
			}
			if err := t.failure(); err != nil {
				return err
			}
			select {
			case <-s.ready:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		var err error
		if head, err = t.attach(s); err != nil {
			return err
		}
	}
}
