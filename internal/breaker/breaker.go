// Package breaker has the circuit breaker of requests to a server. Its states are those of failsafe-go, and what
// opens it is a rate of failures.
//
// Only a failure opens it. The rate also rises when older successes leave the time window: failsafe-go's own rate
// then opens the circuit with the next success, so that a server which was away for a while, and is back, gets no
// requests.
//
// A result counts only in the state in which its attempt was permitted. One from before the breaker opened says how
// the server was, not how it is: it neither decides for the trial that is made after a rest, nor opens a breaker that
// this trial has closed.
//
// Inconclusive is the rule for attempts that end because of their callers. A caller that leaves says nothing about
// the server. Nor does a deadline of the caller that leaves the server less than half of the usual time: a healthy
// server may need that long. The usual time is the timeout of an attempt, or what callers have at most if that is
// known to be less. A deadline that passes later is a timeout of the server, or one that hangs would never open the
// breaker if all its callers have less time than the timeout. A trial that says nothing passes its permit on to the
// next attempt.
//
// breaker.go is the breaker, inconclusive.go has the rule, window.go counts the results.
package breaker

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// Options configure a Breaker.
type Options struct {
	// A failure opens the breaker if this part of at least MinAttempts attempts in Window has failed.
	FailureRate float64
	MinAttempts uint
	Window      time.Duration
	// Rest is how long it stays open until it permits one attempt, whose result closes or opens it.
	// It varies by this part.
	Rest   time.Duration
	Jitter float64
	// Changed, if not nil, is called with each change of the state, one call at a time. It must not
	// use the breaker.
	Changed func(from, to circuitbreaker.State)
}

// A Breaker permits attempts, unless too many have failed. It is safe for concurrent use. The result
// of each attempt that was permitted must be told: Succeeded, Failed or Cancelled.
type Breaker struct {
	options Options
	period  atomic.Uint64 // a period; it is written only under mu

	mu      sync.Mutex
	circuit circuitbreaker.CircuitBreaker[any]
	state   circuitbreaker.State // of circuit
	window  window               // of the results since it closed
}

// A period lasts from one change of the state to the next, or for one trial. Its lowest bits are the state, the
// others count.
type period uint64

const stateBits = 2

func (p period) state() circuitbreaker.State { return circuitbreaker.State(p & (1<<stateBits - 1)) }

// A Permit allows one attempt. Results are told with it.
type Permit struct{ period period }

// Trial reports whether the attempt is the one after a rest.
func (p Permit) Trial() bool { return p.period.state() == circuitbreaker.HalfOpenState }

// New returns a closed breaker.
func New(o Options) *Breaker {
	b := &Breaker{options: o, window: newWindow(o.Window)}
	b.circuit = circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(1). // after a rest; the window counts those before
		WithDelay(o.Rest).WithJitterFactor(o.Jitter).
		WithSuccessThreshold(1).
		OnStateChanged(func(e circuitbreaker.StateChangedEvent) { b.state = e.NewState }).
		Build()
	return b
}

func (b *Breaker) now() period { return period(b.period.Load()) }

// next begins a period. The caller holds b.mu.
func (b *Breaker) next() {
	count := b.now()>>stateBits + 1
	b.period.Store(uint64(count<<stateBits | period(b.state)))
}

// unlock ends a method in which the state may have changed.
func (b *Breaker) unlock(from circuitbreaker.State) {
	b.compare(from)
	b.mu.Unlock()
}

// compare begins a period if the state has changed.
func (b *Breaker) compare(from circuitbreaker.State) {
	if b.state == from {
		return
	}
	b.window.clear()
	b.next()
	if b.options.Changed != nil {
		b.options.Changed(from, b.state)
	}
}

// Permit reports whether an attempt may be made. A closed breaker always permits it, so nothing is locked for that.
func (b *Breaker) Permit() (p Permit, ok bool) {
	if now := b.now(); now.state() == circuitbreaker.ClosedState {
		return Permit{now}, true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	from := b.state
	if ok = b.circuit.TryAcquirePermit(); ok {
		b.compare(from)
		p = Permit{b.now()}
	}
	return p, ok
}

// Counts reports whether the result of an attempt counts: the state is that in which it was permitted.
func (b *Breaker) Counts(p Permit) bool { return b.now() == p.period }

// Succeeded notes an attempt.
func (b *Breaker) Succeeded(p Permit) {
	b.mu.Lock()
	defer b.unlock(b.state)
	switch {
	case !b.Counts(p):
	case p.Trial():
		b.circuit.RecordSuccess()
	default:
		b.window.add(time.Now(), false)
	}
}

// Failed notes an attempt.
func (b *Breaker) Failed(p Permit) {
	b.mu.Lock()
	defer b.unlock(b.state)
	switch {
	case !b.Counts(p):
		return
	case p.Trial():
		b.circuit.RecordFailure()
		return
	}
	attempts, failures := b.window.add(time.Now(), true)
	if attempts >= b.options.MinAttempts && float64(failures) >= b.options.FailureRate*float64(attempts) {
		b.circuit.Open()
	}
}

// Cancelled notes an attempt that says nothing about the server. If it was a trial, the next attempt takes its
// place.
func (b *Breaker) Cancelled(p Permit) {
	b.mu.Lock()
	defer b.unlock(b.state)
	if p.Trial() && b.Counts(p) {
		b.circuit.Open()
		b.circuit.HalfOpen()
		b.next()
	}
}

// Open opens the breaker because of the result of an attempt, like Failed, if it is closed.
func (b *Breaker) Open(p Permit) {
	b.mu.Lock()
	defer b.unlock(b.state)
	if b.state == circuitbreaker.ClosedState && b.Counts(p) {
		b.circuit.Open()
	}
}

// Remaining returns for how long no attempt is permitted.
func (b *Breaker) Remaining() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.circuit.RemainingDelay()
}
