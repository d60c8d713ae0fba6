package subgraph

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/propagation"

	"souk/router/execute"
	"souk/router/operation"
)

// try sends a request, and again as the rules for retries allow.
func (t *Transport) try(ctx context.Context, s *subgraph, r *execute.SubgraphRequest, header http.Header) (*execute.SubgraphResponse, error) {
	if t.options.Propagator != nil {
		header = header.Clone()
		t.options.Propagator.Inject(ctx, propagation.HeaderCarrier(header))
	}
	deadline := time.Now().Add(s.Timeout)
	wait := s.Retry.Interval
	s.budget.earn()
	for attempt := 1; ; attempt++ {
		if s.breaker != nil && !s.breaker.TryAcquirePermit() {
			return nil, &execute.TransportError{Code: execute.CodeCircuitOpen, Message: "is not asked for now: it failed too often"}
		}
		resp, err := s.client.roundTrip(ctx, deadline, r.Kind, r.Body, header, r.Room)
		v := judge(err)
		s.record(ctx, v.failed)
		pause := v.after + wait/2 + time.Duration(t.options.Jitter()*float64(wait/2))
		if !v.again || r.Kind != operation.Query || attempt >= s.Retry.MaxAttempts || ctx.Err() != nil ||
			v.after > s.Retry.MaxRetryAfter || time.Until(deadline) < pause || !s.budget.spend() {
			return resp, s.explain(ctx, err)
		}
		if !sleep(ctx, pause) {
			return nil, s.explain(ctx, err)
		}
		wait *= 2
		if t.options.Hooks.Retried != nil {
			t.options.Hooks.Retried(s.name)
		}
	}
}

// A verdict is what follows from the end of a request.
type verdict struct {
	// failed says that it speaks against the subgraph, or the way to it: the
	// circuit breaker counts it.
	failed bool
	// again says that the same request may succeed later: after is when the
	// subgraph expects that, or 0.
	again bool
	after time.Duration
}

func judge(err error) verdict {
	if err == nil || errors.Is(err, errInvalidHeader) {
		return verdict{}
	}
	var t *execute.TransportError
	if !errors.As(err, &t) {
		return verdict{failed: true, again: true}
	}
	var later retryLater
	errors.As(err, &later)
	after := time.Duration(later)
	if t.Code == execute.CodeOverloaded {
		return verdict{} // the router itself has no room for the answer
	}
	switch t.Status {
	case 0, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return verdict{failed: true, again: true, after: after}
	case http.StatusRequestTimeout:
		// RFC 9110, section 15.5.9: the client may repeat the request. The
		// subgraph is there, so this is no failure of it.
		return verdict{again: true, after: after}
	case http.StatusTooManyRequests:
		// A subgraph that does not say when would only be asked more often.
		return verdict{again: after > 0, after: after}
	default:
		return verdict{}
	}
}

// sleep waits, and gives false if ctx is done before.
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
