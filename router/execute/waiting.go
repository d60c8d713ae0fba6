package execute

import (
	"sync"
	"time"

	"souk/router/internal/panics"
)

// A waiting begins to use a response if it has been arriving for long enough, although nothing more arrives.
// Its mutex is held while a part of the response is used.
type waiting struct {
	mu    sync.Mutex
	timer *time.Timer
	// text is what has arrived, at the beginning of buffer.
	buffer *Buffer
	text   []byte
	// stopped is set when the response has arrived, or failed. Then the arrival may be that of another one.
	stopped bool
	failed  error // a panic in the goroutine of the timer
}

// minWait is the time after which it is looked again whether the fetch is the last one.
const minWait = 5 * time.Millisecond

// wait notes what has arrived, and uses it after a time. If that has begun already, the mutex is held.
func (a *arrival) wait(b *Buffer, d time.Duration) {
	w := a.waiting
	if w == nil {
		w = &waiting{}
		w.mu.Lock()
		defer w.mu.Unlock()
		a.waiting = w
		w.timer = time.AfterFunc(d, func() { w.end(a) })
	}
	if w.buffer != b {
		b.Retain()
		w.buffer.Release()
		w.buffer = b
	}
	w.text = b.B
}

// end is called by the timer.
func (w *waiting) end(a *arrival) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped || a.begun || len(w.text) > 0 && len(w.text) < a.next {
		return
	}
	used := false
	w.failed = panics.Catch(func() error {
		used = len(w.text) > 0 && a.use(w.buffer, w.text)
		return nil
	})
	if !used && w.failed == nil {
		w.timer.Reset(minWait)
	}
}

// rethrow continues a panic in the goroutine that receives the response.
func (w *waiting) rethrow() {
	if w.failed != nil {
		panic(w.failed)
	}
}

// stop ends the use of a response that arrives.
func (a *arrival) stop() {
	w := a.waiting
	if w == nil {
		return
	}
	w.timer.Stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	w.buffer.Release()
	w.buffer, w.text = nil, nil
	a.waiting = nil
	w.rethrow()
}
