package subgraph

import (
	"context"
	"sync/atomic"
)

// If a subgraph has several URLs, one that fails again and again while another works is cut off long
// before the failure rate of its circuit breaker says so.
const (
	// maxUnopened is the number of connections in a row that could not be opened.
	maxUnopened = 2
	// maxFailures is the number of other failures in a row, without timeouts. Meanwhile there must
	// be as many successes at other URLs, one of which has succeeded proven times in a row.
	maxFailures = 5
	proven      = 10
)

// The credit of a URL grows by one with each success and shrinks by costOfFailure with each failure.
// One that can afford another failure works, as long as less than about a tenth of its requests fail.
const (
	costOfFailure = 10
	maxCredit     = 100 // also at the beginning
	minCredit     = -30 // 40 successes from working again
)

// results are those of the requests to an endpoint.
type results struct {
	// failures, unopened and timeouts count those in a row: all failures, and those without a
	// connection or a response in time. successes counts those in a row.
	failures, unopened, timeouts atomic.Int32
	successes                    atomic.Int64
	// since is the number of successes at all URLs when the first of the failures occurred.
	since  atomic.Int64
	credit atomic.Int32
}

func (r *results) addCredit(n int32) {
	for {
		was := r.credit.Load()
		if r.credit.CompareAndSwap(was, min(max(was+n, minCredit), maxCredit)) {
			return
		}
	}
}

// works reports whether the last request to an endpoint succeeded, and most of those before.
func (e *endpoint) works() bool {
	return e.closed() && e.failures.Load() == 0 && e.credit.Load() >= costOfFailure
}

// working returns the endpoints that work.
func (s *subgraph) working() (set endpointSet) {
	for _, e := range s.endpoints {
		if e.works() {
			set |= e.bit()
		}
	}
	return set
}

// proven reports whether the failures in a row at an endpoint are not the fault of the requests: other
// endpoints got requests meanwhile, and one of them has no failures.
func (s *subgraph) proven(e *endpoint) bool {
	if s.successes.Load()-e.since.Load() < maxFailures {
		return false
	}
	for _, other := range s.endpoints {
		if other != e && other.works() && other.successes.Load() >= proven {
			return true
		}
	}
	return false
}

// record reports the result of a request to the breaker of its endpoint. It does not count if the breaker has
// changed its state since it let the request through.
func (s *subgraph) record(e target, v verdict) {
	switch {
	case !e.counts():
	case v.inconclusive:
		e.cancelled()
	case v.failed && s.several():
		s.failedAt(e, v)
	case v.failed && e.breaker != nil:
		e.breaker.Failed(e.permit)
		if !v.timedOut {
			e.timeouts.Store(0)
		} else if s.manyTimeouts(e.endpoint) {
			e.breaker.Open(e.permit)
		}
	case !v.failed:
		s.succeededAt(e)
	}
}

// cancelled reports that a request says nothing about its endpoint. If it tried the endpoint again, the next
// request does so instead.
func (to target) cancelled() {
	if to.breaker != nil {
		to.breaker.Cancelled(to.permit)
	}
}

func (s *subgraph) succeededAt(e target) {
	if e.breaker != nil {
		e.breaker.Succeeded(e.permit)
		if e.timeouts.Load() != 0 { // a write takes the cache line from other processors
			e.timeouts.Store(0)
		}
	}
	if s.several() {
		s.successes.Add(1)
		e.failures.Store(0)
		e.unopened.Store(0)
		e.successes.Add(1)
		e.addCredit(1)
	}
}

// failedAt records a failure at one of several endpoints. Timeouts that occur at all of them alike
// are the fault of the requests, or of what is behind all: they count only while another works.
func (s *subgraph) failedAt(e target, v verdict) {
	if e.failures.Add(1) == 1 {
		e.since.Store(s.successes.Load())
	}
	e.successes.Store(0)
	e.addCredit(-costOfFailure)
	another := s.working()&^e.bit() != 0
	var many bool // failures in a row
	switch {
	case v.unopened:
		many = e.unopened.Add(1) >= maxUnopened
	case v.timedOut:
		e.unopened.Store(0)
		many = s.manyTimeouts(e.endpoint)
	default:
		e.unopened.Store(0)
		e.timeouts.Store(0)
		many = e.failures.Load() >= maxFailures && s.proven(e.endpoint)
	}
	if e.breaker == nil {
		return
	}
	if !v.suspected && (!v.timedOut || another) || e.permit.Trial() {
		e.breaker.Failed(e.permit)
	}
	if many && another {
		e.breaker.Open(e.permit)
	}
}

// manyTimeouts counts a timeout. It reports whether there were too many in a row.
func (s *subgraph) manyTimeouts(e *endpoint) bool {
	return int(e.timeouts.Add(1)) >= s.Breaker.ConsecutiveTimeouts
}

// settle reports the result of a doubtful response, which the server or the request may be to blame for. It is a
// failure if the same request succeeded at another URL. Otherwise, nothing is known: an endpoint that works need
// not be cut off, and one that was cut off is tried by the next request.
func (s *subgraph) settle(ctx context.Context, doubted target, next verdict) {
	switch {
	case doubted.endpoint == nil || !doubted.counts():
	case next.succeeded():
		s.record(doubted, verdict{failed: true})
	case doubted.permit.Trial():
		doubted.cancelled()
	case ctx.Err() == nil:
		doubted.successes.Store(0)
		doubted.addCredit(-costOfFailure) // it may work, but that is not known
		if doubted.breaker != nil {
			doubted.breaker.Succeeded(doubted.permit)
		}
	}
}

// leave is like settle if the request was not sent to another URL. Alone it says nothing about the URL, but many
// in a row do, and it is not enough to use a URL again that was cut off. If the client has left, nobody has looked
// for another URL.
func (s *subgraph) leave(ctx context.Context, doubted target) {
	if doubted.endpoint != nil {
		s.record(doubted, verdict{failed: true, suspected: true, inconclusive: ctx.Err() != nil})
	}
}
