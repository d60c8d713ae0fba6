// Package breaker has the circuit breaker of requests to a server, over that of failsafe-go.
//
// It differs in one thing: only a failure opens it. The rate of failures also rises when older
// successes leave the time window. That of failsafe-go then opens with the next success, so a server
// that was away for a while, and is back, would get no requests.
package breaker

import (
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// Options configure a Breaker.
type Options struct {
	// The breaker opens if this part of at least MinAttempts attempts in Window has failed.
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
	changed func(from, to circuitbreaker.State)

	mu      sync.Mutex
	circuit circuitbreaker.CircuitBreaker[any]
	state   circuitbreaker.State // of circuit
}

// New returns a closed breaker.
func New(o Options) *Breaker {
	b := &Breaker{changed: o.Changed}
	b.circuit = circuitbreaker.NewBuilder[any]().
		WithFailureRateThreshold(o.FailureRate, o.MinAttempts, o.Window).
		WithDelay(o.Rest).WithJitterFactor(o.Jitter).
		WithSuccessThreshold(1).
		OnStateChanged(func(e circuitbreaker.StateChangedEvent) { b.state = e.NewState }).
		Build()
	return b
}

// unlock ends a method in which the state may have changed.
func (b *Breaker) unlock(from circuitbreaker.State) {
	if b.state != from && b.changed != nil {
		b.changed(from, b.state)
	}
	b.mu.Unlock()
}

// Permit reports whether an attempt may be made.
func (b *Breaker) Permit() bool {
	b.mu.Lock()
	defer b.unlock(b.state)
	return b.circuit.TryAcquirePermit()
}

// Succeeded notes an attempt. If the rate of failures in the window would open the breaker all the
// same, they are over, and the window begins anew.
func (b *Breaker) Succeeded() {
	b.mu.Lock()
	before := b.state
	defer b.unlock(before)
	b.circuit.RecordSuccess()
	if before == circuitbreaker.ClosedState && b.state == circuitbreaker.OpenState {
		b.circuit.Close()
	}
}

// Failed notes an attempt.
func (b *Breaker) Failed() {
	b.mu.Lock()
	defer b.unlock(b.state)
	b.circuit.RecordFailure()
}

// Cancelled notes an attempt that says nothing about the server. If it was the one after a rest, the
// next attempt takes its place.
func (b *Breaker) Cancelled() {
	b.mu.Lock()
	defer b.unlock(b.state)
	if b.state == circuitbreaker.HalfOpenState {
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
