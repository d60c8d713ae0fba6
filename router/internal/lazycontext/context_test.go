package lazycontext_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"souk/router/internal/lazycontext"
)

type counter struct{ calls atomic.Int32 }

func (c *counter) Cancelled() { c.calls.Add(1) }

type key struct{}

type otherKey struct{}

func of(parent context.Context, deadline time.Time) *lazycontext.Context {
	c := new(lazycontext.Context)
	c.Init(parent, deadline)
	return c
}

func TestContextsBelowAreCancelled(t *testing.T) {
	root, end := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
	defer end()
	outer := of(root, time.Time{})
	inner := of(outer, time.Time{})
	below, stop := context.WithCancel(context.WithValue(inner, otherKey{}, 1))
	defer stop()
	if got := below.Value(key{}); got != "value" {
		t.Errorf("got the value %v", got)
	}
	for _, ctx := range []context.Context{outer, inner, below} {
		if err := ctx.Err(); err != nil {
			t.Errorf("%T has ended before: %v", ctx, err)
		}
	}
	end()
	for _, ctx := range []context.Context{outer, inner, below} {
		<-ctx.Done()
		if err := ctx.Err(); !errors.Is(err, context.Canceled) {
			t.Errorf("%T: got %v", ctx, err)
		}
	}
}

func TestCancelDoesNotReachTheParent(t *testing.T) {
	outer := of(t.Context(), time.Time{})
	inner, other := of(outer, time.Time{}), of(outer, time.Time{})
	var told, notTold counter
	lazycontext.Notify(inner, &told)
	stays := lazycontext.Notify(other, &notTold)
	inner.Cancel()
	inner.Cancel()
	<-inner.Done()
	if outer.Err() != nil || other.Err() != nil || !errors.Is(inner.Err(), context.Canceled) {
		t.Errorf("got %v, %v and %v", outer.Err(), other.Err(), inner.Err())
	}
	if told.calls.Load() != 1 || notTold.calls.Load() != 0 {
		t.Errorf("the waiters got %d calls and %d", told.calls.Load(), notTold.calls.Load())
	}
	if !stays.Stop() || stays.Stop() {
		t.Error("a registration does not end once")
	}
	outer.Cancel()
	if notTold.calls.Load() != 0 {
		t.Error("a waiter was called after its registration had ended")
	}
}

func TestWaitersAreTold(t *testing.T) {
	for name, cancelled := range map[string]func(parent context.CancelFunc, outer, inner *lazycontext.Context){
		"with the parent":    func(parent context.CancelFunc, _, _ *lazycontext.Context) { parent() },
		"with the outer one": func(_ context.CancelFunc, outer, _ *lazycontext.Context) { outer.Cancel() },
		"with the context":   func(_ context.CancelFunc, _, inner *lazycontext.Context) { inner.Cancel() },
		"after somebody else": func(_ context.CancelFunc, outer, inner *lazycontext.Context) {
			inner.Done()
			outer.Done()
			outer.Cancel()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				root, end := context.WithCancel(t.Context())
				defer end()
				outer := of(root, time.Time{})
				inner := of(outer, time.Now().Add(time.Hour))
				waiters := make([]counter, 6)
				var all []lazycontext.Registration
				for i := range waiters {
					all = append(all, lazycontext.Notify(inner, &waiters[i]))
				}
				if !all[1].Stop() {
					t.Error("a registration has ended early")
				}
				cancelled(end, outer, inner)
				synctest.Wait()
				for i := range waiters {
					want := int32(1)
					if i == 1 {
						want = 0
					}
					if got := waiters[i].calls.Load(); got != want {
						t.Errorf("waiter %d: got %d calls instead of %d", i, got, want)
					}
					if all[i].Stop() {
						t.Errorf("the registration of waiter %d has not ended", i)
					}
				}
				if err := inner.Err(); !errors.Is(err, context.Canceled) {
					t.Errorf("got %v", err)
				}
				var late counter
				if lazycontext.Notify(inner, &late).Stop() || late.calls.Load() != 1 {
					t.Errorf("a late waiter: got %d calls", late.calls.Load())
				}
			})
		})
	}
}

func TestNotifyAcceptsOtherContexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var first, second counter
		if !lazycontext.Notify(ctx, &first).Stop() {
			t.Error("a registration has ended early")
		}
		registration := lazycontext.Notify(ctx, &second)
		cancel()
		synctest.Wait()
		if first.calls.Load() != 0 || second.calls.Load() != 1 || registration.Stop() {
			t.Errorf("the waiters got %d calls and %d", first.calls.Load(), second.calls.Load())
		}
	})
}

func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c := of(t.Context(), began.Add(time.Second))
		waited := of(t.Context(), began.Add(time.Second))
		later := of(c, began.Add(time.Minute))
		for _, ctx := range []context.Context{c, waited, later} {
			if d, ok := ctx.Deadline(); !ok || !d.Equal(began.Add(time.Second)) {
				t.Errorf("got the deadline %v, %t", d, ok)
			}
		}
		<-waited.Done()
		if took := time.Since(began); took != time.Second {
			t.Errorf("the context ended after %v", took)
		}
		c.Cancel() // too late
		for _, ctx := range []context.Context{waited, later} {
			if err := ctx.Err(); !errors.Is(err, context.DeadlineExceeded) && ctx != later || err == nil {
				t.Errorf("got %v", err)
			}
		}
		ended := of(t.Context(), began.Add(2*time.Second))
		time.Sleep(2 * time.Second)
		if err := ended.Err(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		ended.Cancel()
		<-ended.Done()
		if err := ended.Err(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the reason has become %v", err)
		}
		if _, ok := of(t.Context(), time.Time{}).Deadline(); ok {
			t.Error("there is a deadline")
		}
	})
}

func TestCauses(t *testing.T) {
	cause := errors.New("the server ends")
	root, end := context.WithCancelCause(t.Context())
	quiet, waited := of(root, time.Time{}), of(root, time.Time{})
	done := waited.Done()
	end(cause)
	<-done
	for _, ctx := range []context.Context{quiet, waited} {
		if got := context.Cause(ctx); !errors.Is(got, cause) {
			t.Errorf("got the cause %v", got)
		}
	}
	own := of(t.Context(), time.Time{})
	own.Cancel()
	if got := context.Cause(own); !errors.Is(got, context.Canceled) {
		t.Errorf("got the cause %v", got)
	}
}

// Waiters come and go, and others ask for a channel, while the context is cancelled. Run it with
// -race.
func TestConcurrentUse(t *testing.T) {
	for range 200 {
		root, end := context.WithCancel(t.Context())
		outer := of(root, time.Time{})
		inner := of(outer, time.Now().Add(time.Hour))
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				var w counter
				r := lazycontext.Notify(inner, &w)
				if i%2 == 0 {
					<-inner.Done()
				}
				if r.Stop() && w.calls.Load() != 0 {
					t.Error("a waiter was called though its registration had not ended")
				}
			})
		}
		all.Go(end)
		all.Go(inner.Cancel)
		all.Wait()
		if inner.Err() == nil {
			t.Error("the context has not ended")
		}
		end()
	}
}

func TestARequestAllocatesOneContext(t *testing.T) {
	root, end := context.WithCancel(t.Context())
	defer end()
	outer := of(root, time.Time{})
	var w counter
	deadline := time.Now().Add(time.Hour)
	use := func() {
		c := of(outer, deadline)
		defer c.Cancel()
		_, _ = c.Deadline()
		lazycontext.Notify(c, &w).Stop()
		_ = c.Err()
	}
	use() // the first one makes outer follow root
	if n := testing.AllocsPerRun(100, use); n > 1 {
		t.Errorf("got %v allocations", n)
	}
}

func TestDetachedContextsEndWithACauseAndNotWithTheirParent(t *testing.T) {
	for name, deadline := range map[string]time.Time{"no deadline": {}, "deadline": time.Now().Add(time.Hour)} {
		for _, before := range []bool{false, true} {
			root, end := context.WithCancelCause(context.WithValue(t.Context(), key{}, "value"))
			c := new(lazycontext.Context)
			c.InitDetached(root, deadline)
			var told counter
			lazycontext.Notify(c, &told)
			below := context.Context(c)
			if before { // the context is waited for before it ends
				var stop context.CancelFunc
				below, stop = context.WithCancel(c)
				defer stop()
			}
			end(errors.New("the parent's"))
			if c.Err() != nil || context.Cause(c) != nil || c.Value(key{}) != "value" || told.calls.Load() != 0 {
				t.Errorf("%s: got %v, %v, %v with its parent", name, c.Err(), context.Cause(c), c.Value(key{}))
			}
			cause := errors.New("a cause")
			c.CancelCause(cause)
			c.CancelCause(errors.New("another"))
			<-below.Done()
			for _, ctx := range []context.Context{c, below} {
				if !errors.Is(ctx.Err(), context.Canceled) || !errors.Is(context.Cause(ctx), cause) {
					t.Errorf("%s: got %v because of %v", name, ctx.Err(), context.Cause(ctx))
				}
			}
			if told.calls.Load() != 1 {
				t.Errorf("%s: the waiter was told %d times", name, told.calls.Load())
			}
		}
	}
}
