package memory

import (
	"runtime/debug"
	"sync/atomic"
)

// returning is how many calls of Return are waited for: at most one that runs and one that comes
// after it.
var returning atomic.Int32

// Return collects garbage and returns free memory to the operating system, in the background. It is
// for a program that has just dropped something large: the Go runtime would keep the memory for long.
func Return() {
	if returning.Add(1) > 1 {
		return // the goroutine that runs goes on
	}
	go func() {
		for {
			before := returning.Load()
			debug.FreeOSMemory()
			if returning.CompareAndSwap(before, 0) {
				return
			}
		}
	}()
}
