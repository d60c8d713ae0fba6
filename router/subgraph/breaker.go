package subgraph

import (
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"souk/internal/breaker"
)

// The states of a circuit breaker.
const (
	breakerClosed int32 = iota
	breakerHalfOpen
	breakerOpen
)

func (t *Transport) newBreaker(s *subgraph, e *endpoint) *breaker.Breaker {
	b := s.Breaker
	logger := t.options.Logger.With("subgraph", s.name)
	if s.several() {
		logger = logger.With("url", e.label)
	}
	return breaker.New(breaker.Options{
		FailureRate: b.ErrorThreshold, MinAttempts: uint(b.MinRequests), Window: b.Window, Rest: b.Rest,
		Changed: func(from, to circuitbreaker.State) {
			state := breakerClosed
			switch to {
			case circuitbreaker.HalfOpenState:
				state = breakerHalfOpen
			case circuitbreaker.OpenState:
				state = breakerOpen
				e.opened.Store(time.Now().UnixNano())
			}
			t.breakerChanged(s, e, state) // first, because permits goes by it
			logger.Warn("circuit breaker changed state", "from", from.String(), "to", to.String())
		},
	})
}

// breakerChanged notes the state of an endpoint's circuit breaker. That of the subgraph is the best
// of its endpoints: as long as one is closed, requests are served.
func (t *Transport) breakerChanged(s *subgraph, e *endpoint, state int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.state.Store(state)
	if s.several() && t.options.Hooks.URLBreaker != nil {
		t.options.Hooks.URLBreaker(s.name, e.label, int(state))
	}
	best := state
	for _, other := range s.endpoints {
		best = min(best, other.state.Load())
	}
	if best != s.best {
		s.best = best
		if t.options.Hooks.Breaker != nil {
			t.options.Hooks.Breaker(s.name, int(best))
		}
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
