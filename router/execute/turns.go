package execute

import (
	"context"
	"runtime"

	"golang.org/x/sync/semaphore"
)

// largeResponse is the size in bytes of a subgraph's response from which on it takes a
// turn to be processed. That takes about a tenth of a millisecond.
const largeResponse = 16 << 10

// turns bound how many large responses are processed at the same time: one for each
// processor. Fetches that share one subgraph request get its response at the same time.
// Without turns, a thousand of them would make a small operation wait until all of them are
// done, because the scheduler runs goroutines in the order in which they become ready.
type turns struct{ free *semaphore.Weighted }

func newTurns() turns { return turns{semaphore.NewWeighted(int64(runtime.GOMAXPROCS(0)))} }

// begin waits for a turn to process a number of bytes. It reports whether the caller must
// call end. If ctx is done, it does not wait: the operation is about to end.
func (t turns) begin(ctx context.Context, bytes int) bool {
	return bytes >= largeResponse && t.free.Acquire(ctx, 1) == nil
}

func (t turns) end() { t.free.Release(1) }
