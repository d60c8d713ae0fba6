package gateway

import (
	"context"
	"net/http"
	"runtime"
	"time"

	"golang.org/x/sync/semaphore"

	"souk/router/operation"
)

// coldWork bounds how many documents are parsed and operations planned at the same
// time. A large document takes a CPU for tens of milliseconds and many times its size
// in memory, and a client can send any number of different ones. Cold work uses at
// most half of the CPUs; the rest serves requests whose plans are cached.
type coldWork struct{ slots *semaphore.Weighted }

// coldWait bounds how long a request waits for a slot.
const coldWait = 5 * time.Second

func newColdWork() coldWork {
	return coldWork{semaphore.NewWeighted(int64(max(1, runtime.GOMAXPROCS(0)/2)))}
}

// try returns the function that frees a slot, if one is free.
func (c coldWork) try() (func(), bool) {
	if !c.slots.TryAcquire(1) {
		return nil, false
	}
	return func() { c.slots.Release(1) }, true
}

// begin waits for a slot. The returned function frees it. The error is a [*Refusal],
// or the cause if ctx is done.
func (c coldWork) begin(ctx context.Context) (func(), error) {
	if !c.slots.TryAcquire(1) {
		waiting, cancel := context.WithTimeout(ctx, coldWait)
		defer cancel()
		if c.slots.Acquire(waiting, 1) != nil {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			return nil, &Refusal{
				Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"1"}},
				Err: &operation.Error{Message: "Too many new operations are waiting to be planned. Try again in 1 s.", Code: codeOverloaded},
			}
		}
	}
	return func() { c.slots.Release(1) }, nil
}
