package gateway

import (
	"context"
	"net/http"
	"runtime"
	"time"

	"golang.org/x/sync/semaphore"

	"souk/internal/bytecache"
	"souk/router/operation"
	"souk/router/telemetry"
)

// coldWork bounds how many documents are parsed or operations planned at a time.
// A large one takes a CPU for tens of milliseconds and many times its length in
// memory, and a client can make up as many as it likes. Half of the CPUs are left
// to requests whose plans are known.
type coldWork struct{ slots *semaphore.Weighted }

// coldWait is how long a request waits for its turn.
const coldWait = 5 * time.Second

func newColdWork() coldWork {
	return coldWork{semaphore.NewWeighted(int64(max(1, runtime.GOMAXPROCS(0)/2)))}
}

// begin waits for a turn; the result ends it.
func (c coldWork) begin(ctx context.Context) (func(), error) {
	if !c.slots.TryAcquire(1) {
		ctx, cancel := context.WithTimeout(ctx, coldWait)
		defer cancel()
		if c.slots.Acquire(ctx, 1) != nil {
			return nil, &Refusal{
				Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"1"}},
				Err: &operation.Error{Message: "Too many new operations are waiting to be planned. Try again soon.", Code: codeOverloaded},
			}
		}
	}
	return func() { c.slots.Release(1) }, nil
}

// observer counts what happens to a cache.
func observer(m *telemetry.Cache) bytecache.Observer {
	return bytecache.Observer{
		Changed: func(entries, bytes int) {
			m.Entries.Add(float64(entries))
			m.Bytes.Add(float64(bytes))
		},
		Evicted: m.Evictions.Inc,
	}
}
