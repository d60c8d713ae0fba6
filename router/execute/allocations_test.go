//go:build !race

package execute

import (
	"context"
	"testing"
)

// A warm request makes few allocations, however large its response is. The race
// detector empties pools at random.
func TestWarmRequestsAllocateLittle(t *testing.T) {
	for _, n := range []int{10, 1000} {
		e := New(Options{Transport: replay(benchAnswers(n, true))})
		request := &Request{Program: benchProgram(t)}
		execute := func() { e.Execute(context.Background(), request).Release() }
		execute()
		if got := testing.AllocsPerRun(20, execute); got > 7 {
			t.Errorf("got %v allocations for a request with %d entities", got, n)
		}
	}
}
