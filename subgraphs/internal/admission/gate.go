package admission

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// interval is how long the queue must not have been empty for the service to
	// be overloaded. It also bounds every wait.
	interval = 100 * time.Millisecond
	// target bounds the wait of a request while the service is overloaded.
	target = 20 * time.Millisecond
)

// Reasons why a request is refused.
var (
	// ErrFull means that the queue, or the reserve of other services, is full.
	ErrFull = errors.New("as many requests run and wait as may")
	// ErrWaited means that the request has waited for too long.
	ErrWaited = errors.New("the request has waited for too long")
	// ErrDeadline means that the request could not have run before its deadline.
	ErrDeadline = errors.New("the request could not have run before its deadline")
)

// Gate bounds the requests that run at a time. It is safe for concurrent use.
type Gate struct {
	limit   int // requests that may run
	reserve int // additional ones of other services
	queue   int // requests that may wait

	mu      sync.Mutex
	running int
	waiting []*waiter // oldest first
	busy    time.Time // since when the queue has not been empty
	left    time.Time // when a request ended last while others waited
	pace    float64   // seconds between the ends of requests, a moving average; 0: unknown
}

// waiter is a request that waits.
type waiter struct {
	since  time.Time
	result chan error // gets nil when the request may run
}

// NewGate returns a gate for limit requests at a time and reserve additional
// ones of other services. Up to queue requests wait.
func NewGate(limit, reserve, queue int) *Gate {
	return &Gate{limit: limit, reserve: reserve, queue: queue}
}

// Enter waits until a request may run. The caller must call Leave when it has
// ended. inside is set for a request of another service. The error is one of
// this package, or that of the context.
func (g *Gate) Enter(ctx context.Context, inside bool) error {
	now := time.Now()
	g.mu.Lock()
	if g.running < g.limit && len(g.waiting) == 0 || inside && g.running < g.limit+g.reserve {
		g.running++
		g.mu.Unlock()
		return nil
	}
	if inside || g.queue == 0 {
		g.mu.Unlock()
		return ErrFull
	}
	if deadline, ok := ctx.Deadline(); ok && deadline.Sub(now) < g.expected() {
		g.mu.Unlock()
		return ErrDeadline
	}
	if len(g.waiting) == 0 {
		g.busy, g.left = now, now
	}
	if len(g.waiting) == g.queue { // the oldest is the least likely to be in time
		g.waiting[0].result <- ErrFull
		g.waiting = g.waiting[1:]
	}
	w := &waiter{now, make(chan error, 1)}
	g.waiting = append(g.waiting, w)
	g.mu.Unlock()
	return g.await(ctx, w)
}

// expected returns how long a request that arrives now will probably wait.
func (g *Gate) expected() time.Duration {
	return min(interval, time.Duration(float64(len(g.waiting)+1)*g.pace*float64(time.Second)))
}

func (g *Gate) await(ctx context.Context, w *waiter) error {
	late := time.NewTimer(interval)
	defer late.Stop()
	select {
	case err := <-w.result:
		return err
	case <-ctx.Done():
		return g.abandon(w, context.Cause(ctx))
	case <-late.C:
		return g.abandon(w, ErrWaited)
	}
}

// abandon removes a request from the queue and returns why, unless it may run by now.
func (g *Gate) abandon(w *waiter, why error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, other := range g.waiting {
		if other == w {
			g.waiting = append(g.waiting[:i], g.waiting[i+1:]...)
			return why
		}
	}
	return <-w.result
}

// Leave ends a request, and lets another one run.
func (g *Gate) Leave() {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running--
	if len(g.waiting) == 0 {
		return
	}
	const weight = 0.1
	g.pace += weight * (now.Sub(g.left).Seconds() - g.pace)
	g.left = now
	if now.Sub(g.busy) >= interval {
		g.refuseOld(now)
	}
	for g.running < g.limit && len(g.waiting) > 0 {
		g.running++
		g.next(now).result <- nil
	}
}

// refuseOld refuses what has waited for longer than the target, except the
// newest, so that a slot is not left unused.
func (g *Gate) refuseOld(now time.Time) {
	for len(g.waiting) > 1 && now.Sub(g.waiting[0].since) > target {
		g.waiting[0].result <- ErrWaited
		g.waiting = g.waiting[1:]
	}
}

// next removes the request from the queue that runs next.
func (g *Gate) next(now time.Time) *waiter {
	if now.Sub(g.busy) < interval {
		w := g.waiting[0]
		g.waiting = g.waiting[1:]
		return w
	}
	last := len(g.waiting) - 1
	w := g.waiting[last]
	g.waiting = g.waiting[:last]
	return w
}
