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

func TestBudgetRefusesWhatIsTooMuch(t *testing.T) {
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
			t.Errorf("a small request finds no room: %v", err)
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

// TestBudgetFreesUnderPressure: whoever needs bytes makes others give some back.
func TestBudgetFreesUnderPressure(t *testing.T) {
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

func TestBudgetHoldsForMany(t *testing.T) {
	b := NewBudget(1 << 20)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			for range 50 {
				var l Lease
				l.Of(b)
				_ = l.Grow(t.Context(), 200_000)
				if used := b.Used(); used > 1<<20+50*200_000 { // takers that will fail count for a moment
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

func TestNoBudgetHasNoBound(t *testing.T) {
	var l Lease
	l.Of(NewBudget(0))
	if err := l.Grow(t.Context(), 1<<40); err != nil {
		t.Error(err)
	}
	l.Release()
}

// TestGuardFollowsTheHeap: it is full while objects are live, and not any more
// soon after they are gone, although nothing else makes the collector run.
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
	ballast = nil
	await(false)
}

// TestOperatorsLimitWins runs this test's program with GOMEMLIMIT.
func TestOperatorsLimitWins(t *testing.T) {
	if os.Getenv("MEMORY_TEST_CHILD") != "" {
		SetLimit(slog.New(slog.NewTextHandler(os.Stdout, nil)))
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestOperatorsLimitWins$")
	cmd.Env = append(os.Environ(), "MEMORY_TEST_CHILD=1", "GOMEMLIMIT=100MiB")
	out, err := cmd.Output()
	if err != nil || !strings.Contains(string(out), "bytes=104857600 source=GOMEMLIMIT") {
		t.Errorf("%v: %s", err, out)
	}
	var log bytes.Buffer
	if os.Getenv("GOMEMLIMIT") == "" {
		if SetLimit(slog.New(slog.NewTextHandler(&log, nil))); !strings.Contains(log.String(), "soft memory limit") {
			t.Errorf("the limit is not logged: %s", log.String())
		}
	}
}
