// Package breaker has the circuit breaker of requests to a server. Its states are those of failsafe-go, and what
// opens it is a rate of failures.
//
// Only a failure opens it. The rate also rises when older successes leave the time window: failsafe-go's own rate
// then opens the circuit with the next success, so that a server which was away for a while, and is back, gets no
// requests.
//
// breaker.go is the breaker, window.go counts the results.
package breaker

import (
	"sync"
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

	mu      sync.Mutex
	circuit circuitbreaker.CircuitBreaker[any]
	state   circuitbreaker.State // of circuit
	window  window               // of the results since it closed
}

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

// unlock ends a method in which the state may have changed.
func (b *Breaker) unlock(from circuitbreaker.State) {
	if b.state != from {
		b.window.clear()
		if b.options.Changed != nil {
			b.options.Changed(from, b.state)
		}
	}
	b.mu.Unlock()
}

// Permit reports whether an attempt may be made, and whether it is the one after a rest.
func (b *Breaker) Permit() (trial, ok bool) {
	b.mu.Lock()
	defer b.unlock(b.state)
	ok = b.circuit.TryAcquirePermit()
	return ok && b.state == circuitbreaker.HalfOpenState, ok
}

// Succeeded notes an attempt.
func (b *Breaker) Succeeded() {
	b.mu.Lock()
	defer b.unlock(b.state)
	if b.state == circuitbreaker.ClosedState {
		b.window.add(time.Now(), false)
	} else {
		b.circuit.RecordSuccess()
	}
}

// Failed notes an attempt.
func (b *Breaker) Failed() {
	b.mu.Lock()
	defer b.unlock(b.state)
	if b.state != circuitbreaker.ClosedState {
		b.circuit.RecordFailure()
		return
	}
	attempts, failures := b.window.add(time.Now(), true)
	if attempts >= b.options.MinAttempts && float64(failures) >= b.options.FailureRate*float64(attempts) {
		b.circuit.Open()
	}
}

// Cancelled notes an attempt that says nothing about the server. If it was the one after a rest, the
// next attempt takes its place.
func (b *Breaker) Cancelled(trial bool) {
	b.mu.Lock()
	defer b.unlock(b.state)
	if trial && b.state == circuitbreaker.HalfOpenState {
		b.circuit.Open()
		b.circuit.HalfOpen()
	}
}

// Open opens the breaker if it is closed.
func (b *Breaker) Open() {
	b.mu.Lock()
	defer b.unlock(b.state)
	if b.state == circuitbreaker.ClosedState {
		b.circuit.Open()
	}
}

// Remaining returns for how long no attempt is permitted.
func (b *Breaker) Remaining() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.circuit.RemainingDelay()
}
