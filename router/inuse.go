package router

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// useShards is how many counters a router in use has.
const useShards = 16

// inUse is a router and its requests in progress. They are counted in several places, so that requests
// on many processors do not write to the same memory: which of them a request uses is random.
type inUse struct {
	*Router
	shards [useShards]useShard
	// replaced is set when new requests go to another router, and idle closed when none is left.
	replaced atomic.Bool
	idle     chan struct{}
	ending   sync.Once
}

// A useShard has a cache line of its own, and the next one, which processors fetch with it.
type useShard struct {
	requests atomic.Int64
	leave    func() // ends a request
	_        [112]byte
}

func newInUse(r *Router) *inUse {
	u := &inUse{Router: r, idle: make(chan struct{})}
	for i := range u.shards {
		s := &u.shards[i]
		s.leave = func() { u.leave(s) }
	}
	return u
}

// enter counts a request. It returns nil if the router has been replaced.
func (u *inUse) enter() *useShard {
	s := &u.shards[rand.Uint32()%useShards]
	s.requests.Add(1)
	// A request that reads false here has been counted before replace reads the counters.
	if u.replaced.Load() {
		s.leave()
		return nil
	}
	return s
}

// leave ends a request.
func (u *inUse) leave(s *useShard) {
	if s.requests.Add(-1) == 0 && u.replaced.Load() {
		u.check()
	}
}

// replace says that no request may enter any more.
func (u *inUse) replace() {
	u.replaced.Store(true)
	u.check()
}

// check closes idle if no request is in progress. Once the router is replaced, a counter that has been
// zero counts only requests that are about to leave.
func (u *inUse) check() {
	for i := range u.shards {
		if u.shards[i].requests.Load() > 0 {
			return
		}
	}
	u.ending.Do(func() { close(u.idle) })
}
