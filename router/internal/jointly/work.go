// Package jointly lets callers that want the same wait for one piece of work. It goes on while anybody
// waits for it, and ends when all have left.
package jointly

import (
	"context"
	"sync"
	"time"

	"souk/router/internal/lazycontext"
)

// A Result is what callers find in a table of work in progress, and what they wait for.
type Result interface {
	// Close removes it from the table, so that nobody joins any more. The caller holds the lock.
	Close()
	// Retain keeps what the work has made for another caller, and Release lets go of it.
	Retain()
	Release()
}

// Work is a piece of work, as a part of its Result. One caller does it, from Begin to End, or leaves that to
// a goroutine, with BeginApart; all others join and wait.
type Work struct {
	lock    *sync.Mutex // guards the table and what follows
	result  Result
	done    chan struct{} // nil while nobody has joined
	waiting int32         // that have joined, and neither left nor got the result
	began   time.Time
	writes  uint64 // when it began
	left    bool   // the caller that does the work has
	ended   bool

	running *lazycontext.Context // what the work ends with
	owner   context.Context      // that of the caller that does the work
}

// MaxAge returns how old work may be that others join, at most a quarter of their timeout; 0 is none. If its
// server does not respond, those who come later are not held up by it, and those who join have most of their
// time for it.
func MaxAge(most, timeout time.Duration) time.Duration {
	if timeout > 0 {
		return min(most, timeout/4)
	}
	return most
}

// Init makes w ready for use, as the work for a result in the table that the lock guards. It begins now, after
// a number of mutations.
func (w *Work) Init(lock *sync.Mutex, result Result, now time.Time, writes uint64) {
	w.lock, w.result, w.began, w.writes = lock, result, now, writes
}

// IsOpen reports whether a caller may join that comes now, after a number of mutations: the work is younger than
// maxAge, and no mutation has ended since it began.
func (w *Work) IsOpen(now time.Time, maxAge time.Duration, writes uint64) bool {
	return now.Sub(w.began) < maxAge && w.writes == writes
}

// Join adds a caller, which must call Wait. It holds the lock.
func (w *Work) Join() {
	if w.done == nil {
		w.done = make(chan struct{})
	}
	w.waiting++
}

// Joined reports whether others have joined the work.
func (w *Work) Joined() bool { return w.done != nil }

// Wait waits for the result, which the caller must release. It reports false if ctx ends before: the
// caller has left.
func (w *Work) Wait(ctx context.Context) bool {
	select {
	case <-w.done:
		return true
	case <-ctx.Done():
	}
	w.lock.Lock()
	if w.ended {
		w.result.Release()
	} else {
		w.waiting--
	}
	w.unlock(ctx)
	return false
}

// Begin tells what the work ends with, and whose end counts as the leaving of the caller that does it. That is
// to be stopped after End.
func (w *Work) Begin(owner context.Context, running *lazycontext.Context) lazycontext.Registration {
	w.running, w.owner = running, owner
	return lazycontext.Notify(owner, w)
}

// BeginApart is Begin for work of a goroutine: all callers have joined. The caller holds the lock.
func (w *Work) BeginApart(running *lazycontext.Context) {
	w.running, w.owner, w.left = running, running, true
}

// Cancelled implements lazycontext.Waiter: the caller that does the work has left.
func (w *Work) Cancelled() {
	w.lock.Lock()
	w.left = true
	w.unlock(w.owner)
}

// unlock ends the work if nobody waits for it any more, because of what has ended the caller that left last.
func (w *Work) unlock(leaver context.Context) {
	deserted := w.left && w.waiting == 0 && !w.ended
	if deserted {
		w.result.Close()
	}
	w.lock.Unlock()
	if deserted {
		w.running.CancelCause(context.Cause(leaver))
	}
}

// End hands the result to all that wait.
func (w *Work) End() {
	w.lock.Lock()
	defer w.lock.Unlock()
	w.result.Close()
	w.ended = true
	for range w.waiting {
		w.result.Retain()
	}
	if w.done != nil {
		close(w.done)
	}
}
