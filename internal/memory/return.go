package memory

import (
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

// returning is how many calls of Return are waited for: at most one that runs and one that comes
// after it.
var returning atomic.Int32

// spare is how much memory a heap may hold before ReturnSpare returns some of it: twice what a small
// heap may grow to anyway.
const spare = 2 * smallHeap

// ReturnSpare is like Return if the heap holds much memory, live or not. Otherwise it does nothing: a
// collection takes from requests, the next one comes soon, and the runtime then returns what is free
// little by little.
func ReturnSpare() {
	held := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	metrics.Read(held)
	sum := uint64(0)
	for _, s := range held {
		sum += s.Value.Uint64()
	}
	if sum > spare {
		Return()
	}
}

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
