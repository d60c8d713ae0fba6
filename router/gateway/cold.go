package gateway

import (
	"context"
	"net/http"
	"runtime"
	"time"

	"souk/router/operation"
)

// coldWork bounds how many documents are parsed and operations planned at the same
// time. A large document takes a CPU for tens of milliseconds and many times its size
// in memory, and a client can send any number of different ones. Cold work uses at
// most half of the CPUs; the rest serves requests whose plans are cached.
type coldWork struct {
	slots chan struct{}
	end   func() // frees a slot
}

// coldWait bounds how long a request waits for a slot.
const coldWait = 5 * time.Second

func newColdWork() coldWork {
	slots := make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))
	return coldWork{slots, func() { <-slots }}
}

// try returns the function that frees a slot, if one is free.
func (c coldWork) try() (func(), bool) {
	select {
	case c.slots <- struct{}{}:
		return c.end, true
	default:
		return nil, false
	}
}

// begin waits for a slot. The returned function frees it. The error is a [*Refusal],
// or the cause if ctx is done.
func (c coldWork) begin(ctx context.Context) (func(), error) {
	if end, ok := c.try(); ok {
		return end, nil
	}
	longest := time.NewTimer(coldWait)
	defer longest.Stop()
	select {
	case c.slots <- struct{}{}: // in the order of waiting
		return c.end, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-longest.C:
		return nil, &Refusal{
			Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"1"}},
			Err: &operation.Error{Message: "Too many new operations are waiting to be planned. Try again in 1 s.", Code: codeOverloaded},
		}
	}
}
