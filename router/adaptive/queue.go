package adaptive

import (
	"context"
	"time"
)

// A queue holds the work that waits for a permit, the oldest first. Its owner locks it.
//
// Its length is bounded by time rather than by number: what would wait for longer than the maximum is
// refused on arrival, when that is cheapest, and nothing that waits is in vain unless the server
// stalls. So the queue takes up bursts, and under lasting overload adds no more than the maximum to
// the latency.
//
// While much of the work is refused, the queue need not take up bursts: one or two that wait keep the
// server busy. The time is then shorter, because waiting helps nobody. The share that is refused says
// how lasting an overload is, because it hardly depends on the length of the queue: what a short one
// does not hold, a long one only refuses later.
type queue struct {
	waiting []*waiter
	refused float64       // the share of work that is refused on arrival, a moving average
	held    time.Duration // how long work holds its permit, a moving average; 0: unknown
}

const (
	// longestQueue bounds what waits, in times of Options.Max, whatever the time allows.
	longestQueue = 4
	// The moving average is about refusedOf times the limit, and at least refusedLeast, of work:
	// requests that began together may end together, and leave room for the next few.
	refusedOf, refusedLeast = 8, 32
	// lasting is the share from which on an overload is more than a burst.
	lasting = 0.25
	// lastingShare is the share of the time that work may wait then.
	lastingShare = 0.125
)

// A waiter is work that waits.
type waiter struct {
	admitted chan struct{} // closed when it has a permit
}

// expected returns how long work that arrives now would wait. While something waits, all permits are
// held, so that one is free every held/limit on average (Little's law), however many end together.
func (q *queue) expected(limit int) time.Duration {
	return time.Duration(len(q.waiting)+1) * q.held / time.Duration(max(limit, 1))
}

// takes reports whether work may wait that arrives now. One may always wait, so that the queue opens
// again after a stall.
func (q *queue) takes(o *Options, limit int, deadline, now time.Time) bool {
	if o.MaxWait <= 0 || o.Measure || len(q.waiting) >= longestQueue*o.Max {
		return false
	}
	expected := q.expected(limit)
	if !deadline.IsZero() && deadline.Sub(now) < expected {
		return false
	}
	longest := o.MaxWait
	if q.refused > lasting {
		longest = time.Duration(lastingShare * float64(longest))
	}
	return len(q.waiting) == 0 || expected <= longest
}

// arrived notes that work has arrived, and whether it is refused.
func (q *queue) arrived(refused bool, limit int) {
	now := 0.0
	if refused {
		now = 1
	}
	q.refused += (now - q.refused) / float64(max(refusedLeast, refusedOf*limit))
}

func (q *queue) add() *waiter {
	w := &waiter{make(chan struct{})}
	q.waiting = append(q.waiting, w)
	return w
}

// remove removes work that no longer waits. It returns false if that has a permit by now.
func (q *queue) remove(w *waiter) bool {
	for i, other := range q.waiting {
		if other == w {
			q.waiting = append(q.waiting[:i], q.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// ended notes that work has ended, and how long it held its permit. What counts of a stall is bounded
// by the longest wait.
func (q *queue) ended(held time.Duration, limit int, longest time.Duration) {
	held = min(max(held, 0), time.Duration(max(limit, 1))*longest)
	if q.held == 0 {
		q.held = held
		return
	}
	const weight = 10
	q.held += (held - q.held) / weight
}

// next removes the oldest work and returns it, or nil.
func (q *queue) next() *waiter {
	if len(q.waiting) == 0 {
		return nil
	}
	w := q.waiting[0]
	q.waiting = q.waiting[1:]
	return w
}

// Wait returns a permit, or false if the limit is reached. The work may wait for up to Options.MaxWait,
// and an eighth of it while more than a quarter of the work is refused; it is refused at once if the
// wait is expected to be longer, or to exceed the deadline of the context.
func (l *Limiter) Wait(ctx context.Context) (Permit, bool) {
	if l == nil || l.options.MaxWait <= 0 {
		return l.tryAcquire()
	}
	now := l.options.Now()
	deadline, _ := ctx.Deadline()
	l.mu.Lock()
	limit, full := l.gradient.current(), l.full()
	waits := full && l.queue.takes(&l.options, limit, deadline, now)
	l.queue.arrived(full && !waits, limit)
	if !waits {
		return l.acquire(now)
	}
	w := l.queue.add()
	l.mu.Unlock()
	timer := time.NewTimer(l.options.MaxWait)
	defer timer.Stop()
	select {
	case <-w.admitted:
		return l.permit(l.options.Now()), true
	case <-timer.C:
	case <-ctx.Done():
	}
	l.mu.Lock()
	waited := l.queue.remove(w)
	l.mu.Unlock()
	if !waited {
		return l.permit(l.options.Now()), true
	}
	if l.options.Shed != nil && ctx.Err() == nil {
		l.options.Shed()
	}
	return Permit{}, false
}

// Refuse reports whether Wait would refuse work now, and counts it as refused if so. It is cheap: a
// caller can ask before it prepares anything.
func (l *Limiter) Refuse() bool {
	if l == nil || l.options.Measure {
		return false
	}
	l.mu.Lock()
	refused := l.full() && !l.queue.takes(&l.options, l.gradient.current(), time.Time{}, time.Time{})
	if refused { // otherwise, Wait notes it
		l.queue.arrived(true, l.gradient.current())
	}
	l.mu.Unlock()
	if refused && l.options.Shed != nil {
		l.options.Shed()
	}
	return refused
}

// admitWaiting gives permits to waiting work while there are some. The caller holds the lock.
func (l *Limiter) admitWaiting() {
	for l.inFlight < l.gradient.current() {
		w := l.queue.next()
		if w == nil {
			return
		}
		l.take()
		close(w.admitted)
	}
}
