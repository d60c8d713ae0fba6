// Package lazycontext has contexts for requests. Those of package context link each context to its
// parent, with a map, a channel and a timer, which costs more than the rest of a small request, and
// nearly always nobody waits for them. These make a context of package context when somebody does,
// and tell a Waiter that they end without one.
package lazycontext

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A Waiter learns that a Context has been cancelled.
type Waiter interface {
	// Cancelled is called once, by the goroutine that cancels. It must return soon.
	Cancelled()
}

// A Context is a context.Context that is cancelled by Cancel, with its parent, or at a deadline. The
// zero value is not ready: see Init. It may be part of another object, which it keeps alive.
type Context struct {
	parent   context.Context
	deadline time.Time // zero for none
	// waited is what others wait for. It is nil if nobody does.
	waited atomic.Pointer[waited]
	reason atomic.Uint32 // why it has ended, one of reasons
	// detached is set if it does not end with its parent, but perhaps with a cause.
	detached bool

	mu      sync.Mutex
	waiters []Waiter
	few     [3]Waiter // the memory of waiters, at first
	// follows is set once the parent's cancellation is known without waited.
	follows bool
	// unfollow ends that.
	unfollow Registration
}

var _ context.Context = (*Context)(nil)

// waited is a context of package context.
type waited struct {
	context.Context
	cancel context.CancelFunc
	cause  context.CancelCauseFunc // of a detached one
}

// Init makes c ready for use. It ends at the deadline, unless that is zero, or with parent.
func (c *Context) Init(parent context.Context, deadline time.Time) {
	c.parent, c.deadline = parent, deadline
}

// InitDetached is like Init, but c has only the values of parent: it does not end with it. It may end
// with a cause.
func (c *Context) InitDetached(parent context.Context, deadline time.Time) {
	c.Init(context.WithoutCancel(parent), deadline)
	c.detached = true
}

// Deadline implements context.Context.
func (c *Context) Deadline() (time.Time, bool) {
	earlier, ok := c.parent.Deadline()
	if c.deadline.IsZero() || ok && earlier.Before(c.deadline) {
		return earlier, ok
	}
	return c.deadline, true
}

// Done implements context.Context.
func (c *Context) Done() <-chan struct{} {
	if w := c.waited.Load(); w != nil {
		return w.Done()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wait().Done()
}

// wait returns the context that others wait for. The caller holds c.mu.
func (c *Context) wait() *waited {
	if w := c.waited.Load(); w != nil {
		return w
	}
	w, parent := &waited{}, c.parent
	if c.detached {
		parent, w.cause = context.WithCancelCause(parent)
	}
	if c.deadline.IsZero() {
		w.Context, w.cancel = context.WithCancel(parent)
	} else {
		w.Context, w.cancel = context.WithDeadline(parent, c.deadline)
	}
	if c.ended() {
		w.cancel()
	}
	c.waited.Store(w)
	return w
}

// Err implements context.Context.
func (c *Context) Err() error {
	if reason := c.reason.Load(); reason != 0 {
		return reasons[reason]
	}
	var err error
	if w := c.waited.Load(); w != nil {
		err = w.Err()
	} else if err = c.parent.Err(); err == nil && !c.deadline.IsZero() && !time.Now().Before(c.deadline) {
		err = context.DeadlineExceeded
	}
	if err != nil {
		return c.fail(err)
	}
	return nil
}

// reasons are the errors of contexts.
var reasons = [...]error{nil, context.Canceled, context.DeadlineExceeded}

// fail makes err the reason, unless there is one, and returns the reason.
func (c *Context) fail(err error) error {
	reason := uint32(1)
	if errors.Is(err, context.DeadlineExceeded) {
		reason = 2
	}
	c.reason.CompareAndSwap(0, reason)
	return reasons[c.reason.Load()]
}

func (c *Context) ended() bool { return c.reason.Load() != 0 }

// Value implements context.Context.
func (c *Context) Value(key any) any {
	// Contexts below it find the one of package context in its values.
	if w := c.waited.Load(); w != nil {
		return w.Value(key)
	}
	return c.parent.Value(key)
}

// Cancel cancels c. Like a context.CancelFunc, it should be called when c is not needed any more,
// and may be called often.
func (c *Context) Cancel() { c.end(context.Canceled) }

// CancelCause is Cancel for a detached context, with a cause (see context.Cause).
func (c *Context) CancelCause(cause error) {
	c.mu.Lock()
	if !c.ended() {
		c.wait().cause(cause)
	}
	c.mu.Unlock()
	c.Cancel()
}

// Cancelled implements Waiter for a context that has this one as an ancestor.
func (c *Context) Cancelled() { c.end(c.parent.Err()) }

func (c *Context) end(err error) {
	_ = c.fail(err)
	c.mu.Lock()
	waiters, unfollow := c.waiters, c.unfollow
	c.waiters, c.unfollow = nil, Registration{}
	if w := c.waited.Load(); w != nil {
		w.cancel()
		if w.cause != nil {
			w.cause(nil)
		}
	}
	c.mu.Unlock()
	unfollow.Stop()
	for _, w := range waiters {
		w.Cancelled()
	}
}

// A Registration is that of a Waiter. The zero value is one that has ended.
type Registration struct {
	at   *Context
	w    Waiter
	stop func() bool
}

// Notify calls the Waiter when ctx is cancelled, at once if it is already. It is context.AfterFunc
// at a lower price if ctx is a Context, but then it need not do so at a deadline: a waiter must know
// that of ctx itself.
func Notify(ctx context.Context, w Waiter) Registration {
	c, ok := ctx.(*Context)
	if !ok {
		return Registration{stop: context.AfterFunc(ctx, w.Cancelled)}
	}
	c.mu.Lock()
	if !c.ended() && !c.follows {
		c.follows = true
		c.mu.Unlock()
		c.follow()
		c.mu.Lock()
	}
	ended := c.ended()
	if !ended {
		if c.waiters == nil {
			c.waiters = c.few[:0]
		}
		c.waiters = append(c.waiters, w)
	}
	c.mu.Unlock()
	if ended {
		w.Cancelled()
		return Registration{}
	}
	return Registration{at: c, w: w}
}

// follow makes c end with its parent.
func (c *Context) follow() {
	if _, lazy := c.parent.(*Context); !lazy && c.parent.Done() == nil {
		return
	}
	r := Notify(c.parent, c)
	c.mu.Lock()
	ended := c.ended()
	if !ended {
		c.unfollow = r
	}
	c.mu.Unlock()
	if ended {
		r.Stop()
	}
}

// Stop ends a registration. It reports false if the Waiter has been called, or is being called.
func (r Registration) Stop() bool {
	if r.stop != nil {
		return r.stop()
	}
	if r.at == nil {
		return false
	}
	c := r.at
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.waiters, r.w)
	if i < 0 {
		return false
	}
	c.waiters = slices.Delete(c.waiters, i, i+1)
	return true
}
