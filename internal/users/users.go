// Package users counts who uses something that is replaced while it is in use, such as the requests
// on a configuration, and tells when the last one has left.
//
// One counter would be written by all processors at the same time, and each write takes its cache
// line from the others. So there are several.
package users

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// shares is how many counters a Count has.
const shares = 16

// A Count counts users. They are counted in several places, of which each uses one by chance.
type Count struct {
	shares [shares]Share
	// closed is set when nobody may enter any more. last is called when nobody is left then.
	closed atomic.Bool
	last   func()
	ending sync.Once
}

// A Share is one of the counters. It has a cache line of its own, and the next one, which processors
// fetch with it.
type Share struct {
	// Leave ends a use that began with Enter.
	Leave func()
	users atomic.Int64
	_     [112]byte
}

// New returns a Count. Once it has been closed and nobody is left, it calls last.
func New(last func()) *Count {
	c := &Count{last: last}
	for i := range c.shares {
		s := &c.shares[i]
		s.Leave = func() { c.leave(s) }
	}
	return c
}

// Enter counts a user, who must call Leave of the result. It returns nil if the Count is closed.
func (c *Count) Enter() *Share {
	s := &c.shares[rand.Uint32()%shares]
	s.users.Add(1)
	// Whoever reads false here has been counted before Close reads the counters.
	if c.closed.Load() {
		s.Leave()
		return nil
	}
	return s
}

func (c *Count) leave(s *Share) {
	if s.users.Add(-1) == 0 && c.closed.Load() {
		c.check()
	}
}

// Close says that nobody may enter any more.
func (c *Count) Close() {
	c.closed.Store(true)
	c.check()
}

// Busy reports whether there are users.
func (c *Count) Busy() bool {
	for i := range c.shares {
		if c.shares[i].users.Load() > 0 {
			return true
		}
	}
	return false
}

// check calls last if nobody is left. Once the Count is closed, a counter that has been zero counts
// only those that are about to leave.
func (c *Count) check() {
	if !c.Busy() {
		c.ending.Do(c.last)
	}
}
