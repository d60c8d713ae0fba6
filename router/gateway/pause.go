package gateway

import (
	"runtime"
	"time"
)

const (
	// workSlice is how long a new graph is worked on before requests get their turn, and restSlice
	// how long they have it if there are any. A graph is therefore built by a fifth of one processor.
	workSlice = 250 * time.Microsecond
	restSlice = time.Millisecond
	// busyFor is how long a graph counts as busy after a request was seen. Most requests take less time
	// than a slice, so that few slices end during one, even if there are thousands a second.
	busyFor = 100 * time.Millisecond
)

// pause returns what pause of the current snapshot returns.
func (gw *Gateway) pause() func() {
	if s := gw.current.Load(); s != nil {
		return s.pause()
	}
	return func() {} // it has ended
}

// pause returns a function that work on the next snapshot calls often. It lets requests go first:
// without it, they would wait for as long as the scheduler lets a goroutine run, 10 ms.
func (s *snapshot) pause() func() {
	began := time.Now()
	var seen time.Time
	return func() {
		if s.users.Busy() || s.holders.Load() > 2 {
			seen = time.Now()
		}
		if time.Since(began) < workSlice {
			return
		}
		if time.Since(seen) < busyFor {
			time.Sleep(restSlice)
		} else {
			runtime.Gosched()
		}
		began = time.Now()
	}
}
