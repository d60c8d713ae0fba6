package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"souk/internal/memory"
	"souk/router/internal/panics"
)

// errSlowClient ends the subscription of a client that delays the other clients of a
// shared stream for too long.
var errSlowClient = errors.New("the client reads events too slowly")

// errSharedFault ends the subscriptions to a shared stream that has panicked.
var errSharedFault = errors.New("the shared stream has failed")

// sharedStreams holds the open upstream subscriptions that identical client
// subscriptions can join. The zero value is ready for use.
type sharedStreams struct {
	mu   sync.Mutex
	open map[string]*sharedStream
}

// A sharedStream is one upstream subscription, executed once for all of its followers.
// It ends when the last follower leaves.
type sharedStream struct {
	limits queueLimits
	memory *memory.Budget
	replay bool // send latest to new followers
	cancel context.CancelFunc
	done   chan struct{} // closed when the upstream subscription has ended
	of     *document
	// slow is called for each follower that is dropped because it reads too slowly.
	slow func(*follower)
	// room is signaled when no follower has to make room for the event any more.
	room chan struct{}

	mu        sync.Mutex
	followers []*follower
	waiting   int           // followers whose queue has no room for the event
	since     time.Time     // when the current wait for them began
	held      time.Duration // how long events have waited, without the current wait
	latest    *event
	ended     bool
	err       error // why it ended; nil if the subgraph completed it

	// first and last are the ends of the list of followers that wait for a goroutine to
	// hand events on. spare is set if one has been started and has not looked yet.
	first, last *follower
	spare       bool
}

// An event is a response in the queues of followers. They share one copy, which is
// charged to the memory budget once.
type event struct {
	text    []byte
	id      string // "" if it has none
	lease   memory.Lease
	holders atomic.Int32
}

// newEvent copies a response and returns an event with one holder. It waits until the
// memory budget has room.
func newEvent(ctx context.Context, response []byte, id string, budget *memory.Budget) (*event, error) {
	e := &event{id: id}
	e.lease.Of(budget)
	if err := e.lease.Grow(ctx, len(response)); err != nil {
		return nil, fmt.Errorf("queueing an event: %w", err)
	}
	e.text = bytes.Clone(response)
	e.holders.Store(1)
	return e, nil
}

func (e *event) retain() *event {
	e.holders.Add(1)
	return e
}

// release removes a holder. The event may be nil.
func (e *event) release() {
	if e != nil && e.holders.Add(-1) == 0 {
		e.lease.Release()
	}
}

// queueLimits bounds the queue of one follower.
type queueLimits struct {
	events, bytes int
	// patience is the total time that events may wait while a follower has some in its queue.
	// If its queue is full then, it is dropped. It begins again when the queue has been empty.
	// It runs for all followers at once, so that many slow ones cost no more than one.
	patience time.Duration
}

// A follower is one client's subscription to a shared stream.
type follower struct {
	queue   []*event
	single  [1]*event // backs the queue while it is short
	bytes   int
	next    *event // the event that the queue has no room for; nil if it has. publish holds it
	dropped bool
	gone    bool
	// since is what sharedStream.held was when the queue was empty.
	since time.Duration

	ctx   context.Context
	emit  func(response []byte, eventID string) error
	ended func(error)
	// working is set while a goroutine sends the events in the queue or will do so, and
	// once there is nothing more to send.
	working bool
	after   *follower // in the list of those that wait for a goroutine
}

// follow passes the responses of a subscription to emit, and calls ended when there are no more.
// It joins an identical open stream or opens a new one.
func (s *sharedStreams) follow(ctx context.Context, x *exchange, p *prepared, emit func(response []byte, eventID string) error, ended func(error)) {
	f := &follower{ctx: ctx, emit: emit}
	f.queue = f.single[:0]
	key := x.streamKey(p)
	s.mu.Lock()
	st := s.open[key]
	if !st.join(f) {
		st = s.start(ctx, key, x, p, f)
	} else {
		x.metrics.SubscriptionsJoined.Inc()
	}
	s.mu.Unlock()
	st.begin(f, func(err error) {
		s.leave(key, st, f)
		ended(err)
	})
}

// start opens a stream for a first follower, which gets every event. The caller holds s.mu.
func (s *sharedStreams) start(ctx context.Context, key string, x *exchange, p *prepared, first *follower) *sharedStream {
	c := x.config.Subscriptions
	st := &sharedStream{
		limits: queueLimits{events: max(c.QueueEvents, 1), bytes: c.QueueBytes, patience: c.SlowClientTimeout},
		memory: x.options.Memory,
		done:   make(chan struct{}),
		room:   make(chan struct{}, 1),
		of:     p.document,
	}
	name, m, logger := p.document.name, x.metrics, x.logger
	st.slow = func(f *follower) {
		m.SubscriptionsDropped.Inc()
		logger.InfoContext(f.ctx, "a client reads events too slowly; its subscription ends", "operation", name)
	}
	if replay := c.Of(p.program.StreamSubgraph()).ReplayLatest; replay != nil {
		// The events of a broker are independent, and clients may have had them.
		st.replay = *replay && !p.program.FedByEvents()
	}
	if s.open == nil {
		s.open = map[string]*sharedStream{}
	}
	s.open[key] = st
	var shared context.Context
	shared, st.cancel = context.WithCancel(context.WithoutCancel(ctx))
	st.join(first)
	go s.run(shared, key, st, x, p)
	return st
}

// run executes the upstream subscription of a shared stream.
func (s *sharedStreams) run(ctx context.Context, key string, st *sharedStream, x *exchange, p *prepared) {
	defer close(st.done)
	defer st.cancel()
	err := panics.Catch(func() error {
		return x.upstream(ctx, p, func(response []byte, id string) error { return st.publish(ctx, response, id) })
	})
	x.logFault(ctx, err)
	if _, ok := err.(*panics.Error); ok { //nolint:errorlint // others become errors for clients
		err = errSharedFault // so that it is logged once, and not for each follower
	}
	s.forget(key, st)
	st.end(err)
}

// forget removes a stream, so that no follower can join it.
func (s *sharedStreams) forget(key string, st *sharedStream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[key] == st {
		delete(s.open, key)
	}
}

// leave removes a follower. The last follower ends the stream and waits for it to end,
// because the stream uses the follower's snapshot, which is released next.
func (s *sharedStreams) leave(key string, st *sharedStream, f *follower) {
	s.mu.Lock()
	last := st.remove(f)
	if last && s.open[key] == st {
		delete(s.open, key)
	}
	s.mu.Unlock()
	if last {
		st.cancel()
		<-st.done
	}
}

// join adds a follower. It returns false if st is nil or has ended.
func (st *sharedStream) join(f *follower) bool {
	if st == nil {
		return false
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.ended {
		return false
	}
	f.working = true // until begin
	if st.replay && st.latest != nil {
		st.push(f, st.latest)
	}
	st.followers = append(st.followers, f)
	return true
}

// begin lets a follower send events. It calls ended when there are no more.
func (st *sharedStream) begin(f *follower, ended func(error)) {
	// When the client leaves, nothing but this ends an idle follower.
	unwatch := context.AfterFunc(f.ctx, func() {
		st.mu.Lock()
		defer st.mu.Unlock()
		st.wake(f)
	})
	f.ended = func(err error) {
		unwatch()
		ended(err)
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	f.working = false
	if st.due(f) {
		st.wake(f)
	}
}

// remove removes a follower and reports whether it was the last one.
func (st *sharedStream) remove(f *follower) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	f.gone = true
	st.clear(f)
	st.followers = slices.DeleteFunc(st.followers, func(other *follower) bool { return other == f })
	return len(st.followers) == 0
}

func (st *sharedStream) end(err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.ended, st.err = true, err
	st.latest.release()
	st.latest = nil
	for _, f := range st.followers {
		st.wake(f)
	}
}

// publish queues an event for each follower.
func (st *sharedStream) publish(ctx context.Context, response []byte, id string) error {
	event, err := newEvent(ctx, response, id, st.memory)
	if err != nil {
		return err
	}
	defer event.release()
	st.mu.Lock()
	if st.replay {
		st.latest.release()
		st.latest = event.retain()
	}
	for _, f := range st.followers {
		switch {
		case f.gone || f.dropped:
		case f.fits(event, st.limits):
			st.push(f, event)
		default:
			f.next = event
			st.waiting++
		}
	}
	st.mu.Unlock()
	return st.awaitRoom(ctx)
}

// awaitRoom waits until all followers have room for the event, and drops those whose patience is
// used up. It waits without limit for a follower that is alone: that delays only itself and the
// subgraph, and the write timeout of its connection detects a dead client.
func (st *sharedStream) awaitRoom(ctx context.Context) error {
	for {
		slow, most := st.drop()
		for _, f := range slow {
			st.slow(f)
		}
		if most == 0 {
			return nil
		}
		timer := time.NewTimer(most)
		var err error
		select {
		case <-st.room:
		case <-timer.C:
		case <-ctx.Done():
			err = ctx.Err()
		}
		timer.Stop()
		st.mu.Lock()
		st.held, st.since = st.heldFor(), time.Time{}
		if err != nil {
			for _, f := range st.followers {
				if f.next != nil {
					st.waited(f)
				}
			}
		}
		st.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// drop drops the followers that have no room for the event and no patience left. It returns them,
// and how long the others may wait at most; 0 if none waits. A wait begins with it.
func (st *sharedStream) drop() (slow []*follower, most time.Duration) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.waiting == 0 {
		return nil, 0
	}
	open := 0
	for _, f := range st.followers {
		if !f.dropped {
			open++
		}
	}
	if open == 1 {
		most = time.Second // then see whether it is still alone
	}
	for _, f := range st.followers {
		if f.next == nil {
			continue
		}
		left := st.limits.patience - (st.held - f.since)
		switch {
		case open == 1:
			f.since = st.held
		case left > 0 && (most == 0 || left < most):
			most = left
		case left <= 0:
			f.dropped = true
			st.clear(f)
			st.wake(f)
			slow = append(slow, f)
		}
	}
	if st.waiting > 0 {
		st.since = time.Now()
	}
	return slow, most
}

// heldFor returns how long events have waited for followers. The caller holds st.mu.
func (st *sharedStream) heldFor() time.Duration {
	if st.since.IsZero() {
		return st.held
	}
	return st.held + time.Since(st.since)
}

// waited ends the wait for a follower's room. The caller holds st.mu.
func (st *sharedStream) waited(f *follower) {
	f.next = nil
	if st.waiting--; st.waiting == 0 {
		signal(st.room)
	}
}

// fits reports whether the queue has room for an event. An empty queue always does.
func (f *follower) fits(event *event, l queueLimits) bool {
	return len(f.queue) == 0 || len(f.queue) < l.events && f.bytes+len(event.text) <= l.bytes
}

// push queues an event. The caller holds st.mu.
func (st *sharedStream) push(f *follower, event *event) {
	if len(f.queue) == 0 {
		f.since = st.heldFor() // it has caught up
	}
	f.queue = append(f.queue, event.retain())
	f.bytes += len(event.text)
	st.wake(f)
}

// clear releases all queued events. The caller holds st.mu.
func (st *sharedStream) clear(f *follower) {
	if f.next != nil {
		st.waited(f)
	}
	for _, event := range f.queue {
		event.release()
	}
	f.queue, f.bytes = nil, 0
}

// signal wakes the receiver of c, now or at its next receive.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
