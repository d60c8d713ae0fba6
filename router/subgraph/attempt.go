package subgraph

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"souk/internal/breaker"
	"souk/router/adaptive"
	"souk/router/execute"
	"souk/router/internal/lazycontext"
)

// An attempt sends a request to an endpoint once.
type attempt struct {
	*Transport
	s        *subgraph
	to       target
	deadline time.Time
	request  *execute.SubgraphRequest
	header   http.Header
	permit   adaptive.Permit
}

// make makes the attempt. If it tries the endpoint again after a rest, make waits for it only until a time.
func (a *attempt) make(ctx context.Context, until time.Time) (*execute.SubgraphResponse, verdict, error) {
	if a.to.permit.Trial() {
		return a.tryAgain(ctx, until)
	}
	return a.exchange(ctx)
}

// exchange sends the request and reads the response. It releases the permit and reports the result, except a
// doubtful one, to the circuit breaker.
func (a *attempt) exchange(ctx context.Context) (*execute.SubgraphResponse, verdict, error) {
	s, e, r := a.s, a.to.endpoint, a.request
	if s.several() {
		e.requests.Add(1)
		defer e.requests.Add(-1)
	}
	began := time.Now()
	response, err := e.client.roundTrip(ctx, a.deadline, r.Kind, r.Body, s.withTimeout(ctx, a.deadline, a.header), r.Reservation)
	v := judge(err)
	if ctx.Err() != nil || v.failed && !v.timedOut { // a fast failure says nothing about the load
		a.permit.Drop()
	} else {
		a.permit.Done()
	}
	v = v.within(ctx, time.Since(began), s.ClientTimeout)
	if s.several() {
		v = v.amongSeveral(response, err)
	}
	if !v.doubtful {
		s.record(a.to, v)
	}
	a.observed(ctx, s, e, v, response, err)
	return response, v, err
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

// tryAgain makes an attempt that tries an endpoint again. All other requests wait for its result, so it goes on
// until its deadline when the client has left: clients who always leave early would keep the circuit breaker open.
func (a *attempt) tryAgain(ctx context.Context, until time.Time) (*execute.SubgraphResponse, verdict, error) {
	t := &trial{attempt: *a, request: *a.request, room: a.request.Reservation.Apart(), results: make(chan result), gone: make(chan struct{})}
	defer close(t.gone)
	t.request.Body.Retain()
	t.request.Reservation, t.attempt.request = t.room, &t.request
	t.running.InitDetached(ctx, time.Time{})
	go t.run()
	var late <-chan time.Time
	if until.Before(a.deadline) {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case r := <-t.results:
		a.request.Reservation.Take(t.room)
		t.room.Release()
		return r.response, r.verdict, r.err
	case <-ctx.Done():
		return nil, verdict{failed: true, inconclusive: true}, ctx.Err()
	case <-late:
		return nil, verdict{failed: true, timedOut: true, again: true}, context.DeadlineExceeded
	}
}

// A trial is an attempt in a goroutine of its own, with memory of its own.
type trial struct {
	attempt
	request execute.SubgraphRequest
	room    *execute.MemoryReservation
	running lazycontext.Context
	results chan result
	gone    chan struct{} // closed when nobody waits for the result any more
}

type result struct {
	response *execute.SubgraphResponse
	verdict  verdict
	err      error
}

func (t *trial) run() {
	defer t.running.Cancel()
	defer context.AfterFunc(t.closing, t.desert)()
	var r result
	err := execute.CatchPanic(func() error {
		r.response, r.verdict, r.err = t.exchange(&t.running)
		return nil
	})
	if err != nil {
		r = result{verdict: verdict{inconclusive: true}, err: err}
		t.s.record(t.to, r.verdict)
		t.permit.Drop()
	}
	t.request.Body.Release()
	select {
	case t.results <- r:
	case <-t.gone:
		if r.verdict.doubtful {
			t.s.leave(&t.running, t.to)
		}
		if r.response != nil {
			r.response.Body.Release()
		}
		t.room.Release()
	}
}

// desert ends the trial of a transport that is closed, as soon as nobody waits for it.
func (t *trial) desert() {
	select {
	case <-t.gone:
		t.running.Cancel()
	case <-t.running.Done():
	}
}

// within completes the verdict about a request that its client may have ended.
func (v verdict) within(ctx context.Context, lasted, timeout time.Duration) verdict {
	if v.failed {
		v.inconclusive = breaker.Inconclusive(ctx, lasted, timeout)
		v.timedOut = v.timedOut || ctx.Err() != nil && !v.inconclusive
	}
	return v
}
