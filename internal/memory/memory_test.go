package memory

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestExhaustedBudgetRejectsLargeRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(1 << 20)
		var first, second, small Lease
		for _, l := range []*Lease{&first, &second, &small} {
			l.Of(b)
		}
		if err := first.Grow(t.Context(), 1<<20); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if err := second.Grow(t.Context(), 100_000); !errors.Is(err, ErrExhausted) || time.Since(begun) != maxWait {
			t.Errorf("after %s: %v", time.Since(begun), err)
		}
		if err := small.Grow(t.Context(), 1000); err != nil {
			t.Errorf("a small request was rejected: %v", err)
		}
		first.Release()
		if err := second.Grow(t.Context(), 100_000); err != nil {
			t.Errorf("after bytes came back: %v", err)
		}
		second.Release()
		second.Release()
		small.Release()
		if b.Used() != 0 {
			t.Errorf("%d bytes are held in the end", b.Used())
		}
	})
}

// TestExhaustedBudgetCallsOnPressure checks that a request gets the bytes that the
// OnPressure function frees.
func TestExhaustedBudgetCallsOnPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(1 << 20)
		var slow, next Lease
		slow.Of(b)
		next.Of(b)
		if err := slow.Grow(t.Context(), 1<<20); err != nil {
			t.Fatal(err)
		}
		b.OnPressure(func() bool { slow.Release(); return true })
		begun := time.Now()
		if err := next.Grow(t.Context(), 1<<20); err != nil || time.Since(begun) > 0 {
			t.Errorf("after %s: %v", time.Since(begun), err)
		}
	})
}

// TestSmallRequestsDoNotWaitForLargeOnes lets many large requests wait, each for more
// bytes than the reserve for small ones.
func TestSmallRequestsDoNotWaitForLargeOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(1 << 20)
		var holder Lease
		holder.Of(b)
		if err := holder.Grow(t.Context(), 1<<20); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var waiting sync.WaitGroup
		for range 2 * maxWaiting {
			waiting.Go(func() {
				var l Lease
				l.Of(b)
				if err := l.Grow(ctx, 1<<20); err == nil {
					t.Error("a large request found room")
				}
			})
		}
		synctest.Wait()
		for range 100 {
			var small Lease
			small.Of(b)
			begun := time.Now()
			if err := small.Grow(t.Context(), 4<<10); err != nil || time.Since(begun) > 0 {
				t.Errorf("a small request waits %s: %v", time.Since(begun), err)
			}
			small.Release()
		}
		cancel()
		waiting.Wait()
		holder.Release()
		if b.Used() != 0 {
			t.Errorf("%d bytes are held in the end", b.Used())
		}
	})
}

// TestRequestsAreServedInOrder checks that a large request is not overtaken by later
// requests for fewer bytes.
func TestRequestsAreServedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(1 << 20)
		holders := make([]Lease, 2)
		for i := range holders {
			holders[i].Of(b)
			if err := holders[i].Grow(t.Context(), 1<<19); err != nil {
				t.Fatal(err)
			}
		}
		served := make(chan int, 3)
		var waiting sync.WaitGroup
		for i, n := range []int{1 << 20, 200_000, 100_000} {
			waiting.Go(func() {
				var l Lease
				l.Of(b)
				if err := l.Grow(t.Context(), n); err != nil {
					t.Error(err)
				}
				served <- i
				l.Release()
			})
			synctest.Wait()
		}
		holders[0].Release() // enough for those that came later
		synctest.Wait()
		if len(served) > 0 {
			t.Errorf("request %d passed the one before it", <-served)
		}
		holders[1].Release()
		waiting.Wait()
		if first := <-served; first != 0 {
			t.Errorf("request %d is served first", first)
		}
	})
}

func TestBudgetIsNotExceededConcurrently(t *testing.T) {
	b := NewBudget(1 << 20)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			for range 50 {
				var l Lease
				l.Of(b)
				_ = l.Grow(t.Context(), 200_000)
				if used := b.Used(); used > 1<<20 {
					t.Errorf("%d bytes are held", used)
				}
				l.Release()
			}
		})
	}
	all.Wait()
	if b.Used() != 0 {
		t.Errorf("%d bytes are held in the end", b.Used())
	}
}

func TestNilBudgetHasNoLimit(t *testing.T) {
	var l Lease
	l.Of(NewBudget(0))
	if err := l.Grow(t.Context(), 1<<40); err != nil {
		t.Error(err)
	}
	l.Release()
}

// TestGuardFollowsTheHeap checks that the guard is full while large objects are live
// and no longer soon after, although nothing else triggers a garbage collection.
func TestGuardFollowsTheHeap(t *testing.T) {
	var g Guard
	changes := make(chan bool, 10)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { g.watch(ctx, 1<<30, func(full bool) { changes <- full }) })
	ballast := make([]byte, 900<<20)
	runtime.GC()
	await := func(want bool) {
		t.Helper()
		select {
		case got := <-changes:
			if got != want || g.Full() != want {
				t.Fatalf("full is %t, want %t", got, want)
			}
		case <-time.After(time.Minute):
			t.Fatalf("not %t after a minute", want)
		}
	}
	await(true)
	runtime.KeepAlive(ballast)
	await(false)
}

// TestGOMEMLIMITTakesPrecedence runs this test's program with GOMEMLIMIT.
func TestGOMEMLIMITTakesPrecedence(t *testing.T) {
	if os.Getenv("MEMORY_TEST_CHILD") != "" {
		SetLimit(slog.New(slog.NewTextHandler(os.Stdout, nil)), Edge)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestGOMEMLIMITTakesPrecedence$")
	cmd.Env = append(os.Environ(), "MEMORY_TEST_CHILD=1", "GOMEMLIMIT=100MiB")
	out, err := cmd.Output()
	if err != nil || !strings.Contains(string(out), "bytes=104857600 source=GOMEMLIMIT") {
		t.Errorf("%v: %s", err, out)
	}
	var log bytes.Buffer
	if os.Getenv("GOMEMLIMIT") == "" {
		if SetLimit(slog.New(slog.NewTextHandler(&log, nil)), Edge); !strings.Contains(log.String(), "soft memory limit") {
			t.Errorf("the limit is not logged: %s", log.String())
		}
	}
}
