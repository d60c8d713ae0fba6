package subgraph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"souk/router/adaptive"
	"souk/router/execute"
	"souk/router/operation"
)

// try sends a request and retries it as configured, at another URL if there is one. All attempts
// together must end before s.Timeout, and a retry is charged to the retry budget. If the circuit
// breakers or the limit do not allow a retry, the result is that of the attempt before. An attempt
// that opened no connection does not count if another URL is left.
func (t *Transport) try(ctx context.Context, s *subgraph, r *execute.SubgraphRequest, header http.Header) (*execute.SubgraphResponse, error) {
	if t.options.Propagator != nil {
		c := carrier{lazyHeader{header: header}}
		t.options.Propagator.Inject(ctx, &c)
		header = c.header
	}
	deadline := time.Now().Add(s.Timeout)
	wait := s.Retry.Interval
	s.budget.earn()
	var (
		last     outcome // of the attempt before
		doubted  target  // of the attempt before, if its response was doubtful
		suitable = choice{only: r.URL}
	)
	for number := 1; ; {
		suitable.repeatable = repeatable(r) && number < s.Retry.MaxAttempts
		permit, to, err := s.admit(ctx, suitable)
		if err != nil {
			s.leave(ctx, doubted)
			if suitable.tried != 0 {
				return last.response, last.err
			}
			r.Unsent = true
			return nil, err
		}
		if suitable.tried != 0 {
			r.Retries++
			if t.options.Hooks.Retried != nil {
				t.options.Hooks.Retried(s.name)
			}
			last.release()
		}
		until := s.patience(ctx, to, suitable, deadline)
		a := attempt{t, s, to, deadline, r, header, permit}
		response, v, err := a.make(ctx, until)
		s.settle(ctx, doubted, v)
		suitable.tried |= to.bit()
		doubted = target{}
		if v.doubtful {
			doubted = to
		}
		next := retry{pause: v.after + wait/2 + time.Duration(t.options.Jitter()*float64(wait/2)), after: v.after, free: until != deadline, first: number == 1}
		if s.several() {
			s.elsewhere(&next, suitable, time.Until(deadline), v)
		}
		if !v.again || !next.unsent && (!repeatable(r) || number >= s.Retry.MaxAttempts) || ctx.Err() != nil ||
			next.after > s.Retry.MaxRetryAfter || time.Until(deadline) < next.pause || !next.free && !s.budget.spend() {
			s.leave(ctx, doubted)
			return response, s.explain(ctx, err)
		}
		last = outcome{response, s.explain(ctx, err)}
		if next.pause > 0 && !sleep(ctx, next.pause) {
			s.leave(ctx, doubted)
			last.release()
			return nil, ctx.Err()
		}
		if !next.unsent {
			number++
			wait *= 2
		}
	}
}

// An outcome is the result of an attempt.
type outcome struct {
	response *execute.SubgraphResponse
	err      error
}

func (o *outcome) release() {
	if o.response != nil {
		o.response.Body.Release()
	}
	*o = outcome{}
}

// A retry describes the next attempt of a request that has failed.
type retry struct {
	pause, after time.Duration
	// free is set if it is not charged to the budget. unsent is set if the subgraph has not got the
	// request, and it goes to a URL that was not tried before.
	free, unsent bool
	// first is set for the first retry, apart from those of requests that were not sent.
	first bool
}

// elsewhere changes a retry if another URL can serve it. That need not wait for the one that failed.
// With less than a quarter of the time left, another URL would be blamed for a timeout. The first
// retry is free if another URL works. If all fail, the budget bounds the load.
func (s *subgraph) elsewhere(next *retry, suitable choice, left time.Duration, v verdict) {
	if !s.canMove(suitable, left) {
		return
	}
	next.pause, next.after = 0, 0
	next.unsent = v.unopened
	next.free = next.free || next.unsent || next.first && (v.failed || v.doubtful) && s.working()&^suitable.tried != 0
}

// canMove reports whether an attempt can follow at a URL that was not tried before.
func (s *subgraph) canMove(suitable choice, left time.Duration) bool {
	return suitable.only == 0 && left > s.Timeout/4 && s.closed()&^suitable.tried != 0
}

// repeatable reports whether a request may be executed twice.
func repeatable(r *execute.SubgraphRequest) bool {
	return r.Kind == operation.Query || r.IdempotencyKey != ""
}

// admit returns an endpoint for an attempt, with permits of the limit and of the circuit breaker. It
// may wait for the former.
func (s *subgraph) admit(ctx context.Context, suitable choice) (adaptive.Permit, target, error) {
	permit, ok := s.Limiter.Wait(ctx)
	if !ok {
		if ctx.Err() != nil {
			return permit, target{}, fmt.Errorf("waiting for the concurrency limit: %w", ctx.Err())
		}
		return permit, target{}, errOverloaded
	}
	to := s.choose(suitable)
	if to.endpoint == nil {
		permit.Drop()
		return permit, target{}, s.circuitOpen()
	}
	return permit, to, nil
}

var errOverloaded = &execute.TransportError{Code: execute.CodeSubgraphOverloaded, Message: "is overloaded: as many requests are in flight as it can serve; try again in 1 s"}

func (s *subgraph) circuitOpen() error {
	message := "is unavailable: its circuit breaker is open after repeated failures"
	if s.several() {
		message = "is unavailable: the circuit breakers of all its URLs are open after repeated failures"
	}
	return &execute.TransportError{Code: execute.CodeCircuitOpen, Message: message}
}

// A verdict classifies the result of a request.
type verdict struct {
	// failed is set if the circuit breaker counts the result as a failure of the
	// subgraph or of the connection to it.
	failed bool
	// timedOut is set if there was no response in time.
	timedOut bool
	// inconclusive is set if the request says nothing about the subgraph: nothing was sent, or the
	// client has left.
	inconclusive bool
	// again is set if a retry may succeed. after is the minimum delay that the subgraph
	// asks for, or 0.
	again bool
	after time.Duration

	// The rest is set only if the subgraph has several URLs. unopened is set if no connection could
	// be opened, so that the subgraph has not got the request.
	unopened bool
	// doubtful is set if the server or the request may be to blame for the response. suspected is
	// set if it stays in doubt.
	doubtful, suspected bool
}

// succeeded reports whether the subgraph is well.
func (v verdict) succeeded() bool { return !v.failed && !v.doubtful && !v.inconclusive }

func judge(err error) verdict {
	switch {
	case err == nil:
		return verdict{}
	case errors.Is(err, errInvalidHeader):
		return verdict{inconclusive: true} // nothing was sent
	}
	var t *execute.TransportError
	if !errors.As(err, &t) {
		return verdict{failed: true, timedOut: errors.Is(err, context.DeadlineExceeded), again: true}
	}
	var later retryLater
	errors.As(err, &later)
	after := time.Duration(later)
	if t.Code == execute.CodeOverloaded {
		return verdict{inconclusive: true} // the router's memory budget is exhausted
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

// amongSeveral completes a verdict if the subgraph has several URLs.
func (v verdict) amongSeveral(response *execute.SubgraphResponse, err error) verdict {
	v.unopened = v.failed && unopened(err)
	if !v.failed && doubtful(response, err) {
		v.doubtful, v.again = true, true
	}
	return v
}

// doubtful reports whether the server may be to blame for a response: it has status 500 or more, or
// it is no GraphQL response but, for example, a page of another server. Except for 404, other statuses
// from 400 blame the request.
func doubtful(response *execute.SubgraphResponse, err error) bool {
	if response != nil {
		status := response.Status
		return status >= http.StatusInternalServerError ||
			(status < http.StatusBadRequest || status == http.StatusNotFound) && !resembles(response.Body.B)
	}
	var failed *execute.TransportError
	if !errors.As(err, &failed) || failed.Code == execute.CodeOverloaded {
		return false
	}
	return failed.Status >= http.StatusInternalServerError || failed.Status == http.StatusNotFound || failed.Status/100 == 3 || failed.Code == execute.CodeMalformed
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
