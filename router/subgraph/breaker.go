package subgraph

import (
	"context"
	"sync/atomic"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

func (t *Transport) newBreaker(name string, b Breaker) circuitbreaker.CircuitBreaker[any] {
	return circuitbreaker.NewBuilder[any]().
		WithFailureRateThreshold(b.ErrorThreshold, uint(b.MinRequests), b.Window).
		WithDelay(b.Rest).
		WithSuccessThreshold(1).
		OnStateChanged(func(e circuitbreaker.StateChangedEvent) {
			t.options.Logger.Warn("circuit breaker changed state", "subgraph", name, "from", e.OldState.String(), "to", e.NewState.String())
			if t.options.Hooks.Breaker == nil {
				return
			}
			state := 0
			switch e.NewState {
			case circuitbreaker.HalfOpenState:
				state = 1
			case circuitbreaker.OpenState:
				state = 2
			}
			t.options.Hooks.Breaker(name, state)
		}).
		Build()
}

// record reports the result of a request to the breaker. A canceled request is not
// counted, except by a half-open breaker: there, recording a result is the only way to
// return the permit.
func (s *subgraph) record(ctx context.Context, v verdict) {
	switch {
	case s.breaker == nil:
	case ctx.Err() != nil && !s.breaker.IsHalfOpen():
	case v.failed:
		s.breaker.RecordFailure()
		s.countTimeout(v.timedOut)
	default:
		s.breaker.RecordSuccess()
		s.timeouts.Store(0)
	}
}

// countTimeout opens the circuit after a number of timeouts in a row.
func (s *subgraph) countTimeout(timedOut bool) {
	switch {
	case !timedOut:
		s.timeouts.Store(0)
	case int(s.timeouts.Add(1)) >= s.Breaker.ConsecutiveTimeouts && s.breaker.IsClosed():
		s.breaker.Open()
	}
}

// A budget bounds the ratio of retries to requests: a token bucket that each request
// fills by part and each retry empties by oneRetry. The unit is a millionth of a retry.
type budget struct {
	part    int64
	balance atomic.Int64
}

const (
	oneRetry   = 1_000_000
	maxBalance = 10 * oneRetry
)

func (b *budget) init(part float64) {
	b.part = int64(part * oneRetry)
	b.balance.Store(maxBalance)
}

// earn adds the share of one request.
func (b *budget) earn() {
	if b.balance.Load() < maxBalance {
		b.balance.Add(b.part)
	}
}

// spend takes one retry. It reports false if the balance is too low.
func (b *budget) spend() bool {
	for {
		was := b.balance.Load()
		if was < oneRetry {
			return false
		}
		if b.balance.CompareAndSwap(was, was-oneRetry) {
			return true
		}
	}
}
