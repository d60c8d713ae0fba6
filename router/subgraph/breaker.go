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
			t.options.Logger.Warn("circuit breaker changed", "subgraph", name, "from", e.OldState.String(), "to", e.NewState.String())
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

// record tells the breaker how a request ended. One that the client gave up
// says nothing, but for the permit of a half open breaker, which must be given
// back.
func (s *subgraph) record(ctx context.Context, failed bool) {
	switch {
	case s.breaker == nil:
	case ctx.Err() != nil && !s.breaker.IsHalfOpen():
	case failed:
		s.breaker.RecordFailure()
	default:
		s.breaker.RecordSuccess()
	}
}

// A budget bounds retries to a part of the requests. It counts in millionths
// of a retry.
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

// earn adds a request's part.
func (b *budget) earn() {
	if b.balance.Load() < maxBalance {
		b.balance.Add(b.part)
	}
}

// spend takes a retry's worth, and gives false if there is too little.
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
