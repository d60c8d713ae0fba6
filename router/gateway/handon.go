package gateway

import (
	"fmt"

	"souk/router/internal/panics"
)

// wake sees to it that a goroutine sends what is in the queue. The caller holds st.mu.
func (st *sharedStream) wake(f *follower) {
	if f.working {
		return
	}
	f.working = true
	if st.last != nil {
		st.last.after = f
	} else {
		st.first = f
	}
	st.last = f
	st.provide()
}

// provide sees to it that a goroutine comes for the followers that wait for one. The caller holds
// st.mu.
func (st *sharedStream) provide() {
	if st.first != nil && !st.spare {
		st.spare = true
		go st.handOn()
	}
}

// handOn passes the events of followers that wait for a goroutine to emit, until none waits. An
// event to thousands of followers must not start as many goroutines: their stacks would stay
// until the next garbage collection. But a client that does not read must not stop others. So
// each goroutine that takes a follower leaves a spare one behind, which begins as soon as there is
// a processor for it: when the client makes this one wait, or when the machine has more.
func (st *sharedStream) handOn() {
	st.mu.Lock()
	st.spare = false
	st.mu.Unlock()
	var f *follower
	for {
		var event *event
		var err error
		if f, event, err = st.take(f); f == nil {
			return
		}
		if event != nil {
			err = panics.Catch(func() error { return f.emit(event.text, event.id) })
			event.release()
			if err == nil {
				continue
			}
			err = fmt.Errorf("sending an event: %w", err)
		}
		f.ended(err)
		f = nil // it keeps working set
	}
}

// take returns the next event of f or, if that has none or is nil, of the first follower that waits
// for a goroutine, which it returns too. If there will be no more events for that, the event is nil
// and err is the reason. If no follower waits, all are nil: then the caller must return.
func (st *sharedStream) take(f *follower) (*follower, *event, error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if f != nil && !st.due(f) {
		f.working = false
		f = nil
	}
	if f == nil {
		if f = st.first; f == nil {
			return nil, nil, nil
		}
		if st.first, f.after = f.after, nil; st.first == nil {
			st.last = nil
		}
		st.provide()
	}
	switch {
	case f.ctx.Err() != nil:
		return f, nil, f.ctx.Err()
	case f.dropped:
		return f, nil, errSlowClient
	case len(f.queue) > 0:
		return f, st.shift(f), nil
	}
	return f, nil, st.err
}

// due reports whether there is something to do for a follower. The caller holds st.mu.
func (st *sharedStream) due(f *follower) bool {
	return len(f.queue) > 0 || f.dropped || st.ended || f.ctx.Err() != nil
}

// shift removes the first event from the queue. The caller holds st.mu.
func (st *sharedStream) shift(f *follower) *event {
	event := f.queue[0]
	f.queue[0] = nil
	f.queue = f.queue[1:]
	f.bytes -= len(event.text)
	if len(f.queue) == 0 {
		f.queue = f.single[:0]
	}
	if f.next != nil && f.fits(f.next, st.limits) {
		st.push(f, f.next)
		st.waited(f)
	}
	return event
}
