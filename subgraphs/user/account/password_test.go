package account_test

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"souk/subgraphs/user/account"
)

// Calls that would wait too long fail with a code. They leave room for later
// calls.
func TestConcurrentHashesAreBounded(t *testing.T) {
	h := account.NewHasher(account.Cost{Memory: 8 * 1024, Time: 200, Threads: 1}) // a second or so
	var refused, done atomic.Int32
	var all sync.WaitGroup
	for range 40 * runtime.GOMAXPROCS(0) {
		all.Go(func() {
			_, _, err := h.Check(t.Context(), "", "secret")
			var busy account.Busy
			switch {
			case errors.As(err, &busy) && busy.Code() == "OVERLOADED":
				refused.Add(1)
			case err == nil:
				done.Add(1)
			default:
				t.Errorf("got error %v", err)
			}
		})
	}
	all.Wait()
	if refused.Load() == 0 || done.Load() == 0 {
		t.Errorf("got %d rejected, %d done", refused.Load(), done.Load())
	}
	if _, _, err := h.Check(t.Context(), "", "secret"); err != nil {
		t.Errorf("after the rush: got error %v", err)
	}
}
