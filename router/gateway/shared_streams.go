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
)

// errSlowClient ends the subscription of a client that the others who share
// its events cannot wait for any longer.
var errSlowClient = errors.New("the client reads events too slowly")

// sharedStreams are the subscriptions open to subgraphs that equal ones may
// join. The zero value is ready for use.
type sharedStreams struct {
	mu   sync.Mutex
	open map[string]*sharedStream
}

// A sharedStream is one subscription to a subgraph, executed once for all of
// its followers. It ends when the last of them has gone.
type sharedStream struct {
	limits queueLimits
	memory *memory.Budget
	replay bool // send latest to those who join
	cancel context.CancelFunc
	done   chan struct{} // closed when it has let go of the subgraph

	mu        sync.Mutex
	followers []*follower
	latest    *event
	ended     bool
	err       error // why, if not properly
}

// An event is a response that waits for followers, charged once for all of them.
type event struct {
	text    []byte
	lease   memory.Lease
	holders atomic.Int32
}

// newEvent copies a response, for one holder. It waits for room.
func newEvent(ctx context.Context, response []byte, budget *memory.Budget) (*event, error) {
	e := &event{}
	e.lease.Of(budget)
	if err := e.lease.Grow(ctx, len(response)); err != nil {
		return nil, fmt.Errorf("keeping an event: %w", err)
	}
	e.text = bytes.Clone(response)
	e.holders.Store(1)
	return e, nil
}

func (e *event) retain() *event {
	e.holders.Add(1)
	return e
}

// release takes a holder away. A nil event may be released.
func (e *event) release() {
	if e != nil && e.holders.Add(-1) == 0 {
		e.lease.Release()
	}
}

// queueLimits bound what waits for one follower.
type queueLimits struct {
	events, bytes int
	// patience is how long, in all, a follower with a full queue may keep the
	// others waiting before it has caught up.
	patience time.Duration
}

// A follower is one client's subscription to a shared stream.
type follower struct {
	queue    []*event
	bytes    int
	dropped  bool
	patience time.Duration // what is left of it
	// ready has an element when there is something new for the follower, room
	// when the follower has taken something or has gone.
	ready, room chan struct{}
	gone        bool
}

// follow hands on the responses of a subscription: of one that is open already
// if there is an equal one, or of a new one.
func (s *sharedStreams) follow(ctx context.Context, x *exchange, p *prepared, emit func([]byte) error) error {
	key := x.streamKey(p)
	s.mu.Lock()
	st, f := s.open[key].join()
	if f == nil {
		c := x.config.Subscriptions
		st = &sharedStream{
			limits: queueLimits{events: max(c.QueueEvents, 1), bytes: c.QueueBytes, patience: c.SlowClientTimeout},
			memory: x.options.Memory,
			done:   make(chan struct{}),
		}
		if replay := c.Of(p.program.StreamSubgraph()).ReplayLatest; replay != nil {
			st.replay = *replay
		}
		_, f = st.join()
		if s.open == nil {
			s.open = map[string]*sharedStream{}
		}
		s.open[key] = st
		var shared context.Context
		shared, st.cancel = context.WithCancel(context.WithoutCancel(ctx))
		go s.run(shared, key, st, x, p)
	} else {
		x.metrics.SubscriptionsJoined.Inc()
	}
	s.mu.Unlock()
	defer s.leave(key, st, f)
	return st.handOn(ctx, f, emit)
}

// run executes the subscription of a shared stream.
func (s *sharedStreams) run(ctx context.Context, key string, st *sharedStream, x *exchange, p *prepared) {
	defer close(st.done)
	defer st.cancel()
	err := x.upstream(ctx, p, func(response []byte) error { return st.publish(ctx, response) })
	s.forget(key, st)
	st.end(err)
}

// forget keeps others from joining a stream.
func (s *sharedStreams) forget(key string, st *sharedStream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[key] == st {
		delete(s.open, key)
	}
}

// leave ends a stream with its last follower, who waits until it has ended: the
// supergraph that it uses is the follower's.
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

// join adds a follower, unless there is no stream or it has ended.
func (st *sharedStream) join() (*sharedStream, *follower) {
	if st == nil {
		return nil, nil
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.ended {
		return nil, nil
	}
	f := &follower{patience: st.limits.patience, ready: make(chan struct{}, 1), room: make(chan struct{}, 1)}
	if st.replay && st.latest != nil {
		f.push(st.latest)
	}
	st.followers = append(st.followers, f)
	return st, f
}

// remove takes a follower out, and says whether it was the last one.
func (st *sharedStream) remove(f *follower) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	f.gone = true
	f.clear()
	signal(f.room)
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
		signal(f.ready)
	}
}

// publish queues an event for each follower.
func (st *sharedStream) publish(ctx context.Context, response []byte) error {
	event, err := newEvent(ctx, response, st.memory)
	if err != nil {
		return err
	}
	defer event.release()
	st.mu.Lock()
	if st.replay {
		st.latest.release()
		st.latest = event.retain()
	}
	followers := slices.Clone(st.followers)
	st.mu.Unlock()
	for _, f := range followers {
		if err := st.deliver(ctx, f, event); err != nil {
			return err
		}
	}
	return nil
}

// deliver queues an event for one follower. If its queue is full it is waited
// for, without end if it is the only one: then only it, and the subgraph, are
// held up, and the connection's own write timeout finds out about dead clients.
func (st *sharedStream) deliver(ctx context.Context, f *follower, event *event) error {
	for {
		st.mu.Lock()
		alone := len(st.followers) == 1
		switch {
		case f.gone || f.dropped:
			st.mu.Unlock()
			return nil
		case f.fits(event, st.limits):
			f.push(event)
			st.mu.Unlock()
			return nil
		case !alone && f.patience <= 0:
			f.dropped = true
			f.clear()
			signal(f.ready)
			st.mu.Unlock()
			return nil
		}
		patience := f.patience
		if alone {
			patience = time.Second // then look whether it still is
		}
		st.mu.Unlock()
		waited, err := f.awaitRoom(ctx, patience)
		if err != nil {
			return err
		}
		st.mu.Lock()
		if f.patience -= waited; alone {
			f.patience = st.limits.patience
		}
		st.mu.Unlock()
	}
}

// awaitRoom waits, and says how long it did.
func (f *follower) awaitRoom(ctx context.Context, most time.Duration) (time.Duration, error) {
	began := time.Now()
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-f.room:
	case <-timer.C:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	return time.Since(began), nil
}

// fits says whether there is room for an event. One event always fits.
func (f *follower) fits(event *event, l queueLimits) bool {
	return len(f.queue) == 0 || len(f.queue) < l.events && f.bytes+len(event.text) <= l.bytes
}

func (f *follower) push(event *event) {
	f.queue = append(f.queue, event.retain())
	f.bytes += len(event.text)
	signal(f.ready)
}

// clear lets go of what waits.
func (f *follower) clear() {
	for _, event := range f.queue {
		event.release()
	}
	f.queue, f.bytes = nil, 0
}

// handOn emits a follower's events as they come.
func (st *sharedStream) handOn(ctx context.Context, f *follower, emit func([]byte) error) error {
	for {
		event, over, err := st.take(f)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case over:
			return err
		case event != nil:
			err := emit(event.text)
			event.release()
			if err != nil {
				return fmt.Errorf("handing on an event: %w", err)
			}
			continue
		}
		select {
		case <-f.ready:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// take gives the next event, nil if there is none yet; or how the stream has
// ended for the follower.
func (st *sharedStream) take(f *follower) (event *event, over bool, err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	switch {
	case f.dropped:
		return nil, true, errSlowClient
	case len(f.queue) > 0:
		event = f.queue[0]
		f.queue[0] = nil
		f.queue = f.queue[1:]
		f.bytes -= len(event.text)
		if len(f.queue) == 0 {
			f.patience = st.limits.patience // it has caught up
		}
		signal(f.room)
		return event, false, nil
	}
	return nil, st.ended, st.err
}

// signal makes sure that whoever waits on c goes on.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
