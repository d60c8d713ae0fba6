package subgraph

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/propagation"

	"souk/router/execute"
	"souk/router/operation"
)

// try sends a request and retries it as configured. All attempts together must end
// before s.Timeout, and each retry is charged to the retry budget. If the circuit breaker does
// not allow a retry, the result is that of the attempt before.
func (t *Transport) try(ctx context.Context, s *subgraph, r *execute.SubgraphRequest, header http.Header) (*execute.SubgraphResponse, error) {
	if t.options.Propagator != nil {
		header = header.Clone()
		t.options.Propagator.Inject(ctx, propagation.HeaderCarrier(header))
	}
	deadline := time.Now().Add(s.Timeout)
	wait := s.Retry.Interval
	s.budget.earn()
	var failed error // of the attempt before
	for attempt := 1; ; attempt++ {
		permit, ok := s.Limiter.Acquire()
		switch {
		case !ok && attempt > 1:
			return nil, failed
		case !ok:
			r.Unsent = true
			return nil, &execute.TransportError{Code: execute.CodeSubgraphOverloaded, Message: "is overloaded: as many requests are in flight as it can serve; try again in 1 s"}
		case s.breaker == nil || s.breaker.TryAcquirePermit():
		case attempt == 1:
			permit.Drop()
			r.Unsent = true
			return nil, circuitOpen()
		default: // the attempt before has opened the circuit
			permit.Drop()
			return nil, failed
		}
		if attempt > 1 {
			r.Retries++
			if t.options.Hooks.Retried != nil {
				t.options.Hooks.Retried(s.name)
			}
		}
		resp, err := s.client.roundTrip(ctx, deadline, r.Kind, r.Body, s.withTimeout(ctx, deadline, header), r.Reservation)
		v := judge(err)
		if ctx.Err() != nil || v.failed && !v.timedOut { // a fast failure says nothing about the load
			permit.Drop()
		} else {
			permit.Done()
		}
		s.record(ctx, v)
		pause := v.after + wait/2 + time.Duration(t.options.Jitter()*float64(wait/2))
		if !v.again || r.Kind != operation.Query && r.IdempotencyKey == "" || attempt >= s.Retry.MaxAttempts || ctx.Err() != nil ||
			v.after > s.Retry.MaxRetryAfter || time.Until(deadline) < pause || !s.budget.spend() {
			return resp, s.explain(ctx, err)
		}
		if !sleep(ctx, pause) {
			return nil, s.explain(ctx, err)
		}
		wait *= 2
		failed = s.explain(ctx, err)
	}
}

func circuitOpen() error {
	return &execute.TransportError{Code: execute.CodeCircuitOpen, Message: "is unavailable: its circuit breaker is open after repeated failures"}
}

// withTimeout returns a header with the time that is left for an attempt. It is a copy, because
// a client may still read the header of an attempt that has failed.
func (s *subgraph) withTimeout(ctx context.Context, deadline time.Time, header http.Header) http.Header {
	if s.TimeoutHeader == "" {
		return header
	}
	if earlier, ok := ctx.Deadline(); ok && earlier.Before(deadline) {
		deadline = earlier
	}
	header = header.Clone()
	header[s.TimeoutHeader] = []string{strconv.FormatInt(max(time.Until(deadline).Milliseconds(), 1), 10)}
	return header
}

// A verdict classifies the result of a request.
type verdict struct {
	// failed is set if the circuit breaker counts the result as a failure of the
	// subgraph or of the connection to it.
	failed bool
	// timedOut is set if there was no response in time.
	timedOut bool
	// again is set if a retry may succeed. after is the minimum delay that the subgraph
	// asks for, or 0.
	again bool
	after time.Duration
}

func judge(err error) verdict {
	if err == nil || errors.Is(err, errInvalidHeader) {
		return verdict{}
	}
	var t *execute.TransportError
	if !errors.As(err, &t) {
		return verdict{failed: true, timedOut: errors.Is(err, context.DeadlineExceeded), again: true}
	}
	var later retryLater
	errors.As(err, &later)
	after := time.Duration(later)
	if t.Code == execute.CodeOverloaded {
		return verdict{} // the router's memory budget is exhausted
	}
	switch t.Status {
	case 0, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return verdict{failed: true, again: true, after: after}
	case http.StatusRequestTimeout:
		// RFC 9110, section 15.5.9: the client may repeat the request. The subgraph has
		// responded, so this does not count as a failure.
		return verdict{again: true, after: after}
	case http.StatusTooManyRequests:
		// Without Retry-After, a retry would only add to the load.
		return verdict{again: after > 0, after: after}
	default:
		return verdict{}
	}
}

// sleep waits for d. It reports false if ctx is done first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
