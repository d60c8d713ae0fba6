package breaker_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"souk/internal/breaker"
)

const (
	window      = 30 * time.Second
	minAttempts = 10
	rest        = 2 * time.Second
)

// recorded returns a breaker and the states that it gets.
func recorded(t *testing.T) (*breaker.Breaker, *[]string) {
	t.Helper()
	states := &[]string{}
	return breaker.New(breaker.Options{
		FailureRate: 0.5, MinAttempts: minAttempts, Window: window, Rest: rest,
		Changed: func(from, to circuitbreaker.State) { *states = append(*states, from.String()+" to "+to.String()) },
	}), states
}

func permitted(b *breaker.Breaker) bool {
	_, ok := b.Permit()
	return ok
}

// attempt makes attempts that are all permitted.
func attempt(t *testing.T, b *breaker.Breaker, count int, tell func(breaker.Permit)) {
	t.Helper()
	for _, p := range begin(t, b, count) {
		tell(p)
	}
}

// begin begins attempts that are all permitted.
func begin(t *testing.T, b *breaker.Breaker, count int) (begun []breaker.Permit) {
	t.Helper()
	for n := range count {
		p, ok := b.Permit()
		if !ok {
			t.Fatalf("attempt %d is refused", n)
		}
		begun = append(begun, p)
	}
	return begun
}

// A server fails for a while, less often than it has succeeded before. Later, the successes from
// before are out of the window, and the failures are not.
func TestSuccessesOpenNoBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, states := recorded(t)
		attempt(t, b, 100, b.Succeeded)
		time.Sleep(window / 2)
		attempt(t, b, 90, b.Failed)
		for range 100 {
			attempt(t, b, 1, b.Succeeded)
			time.Sleep(window / 50)
		}
		if len(*states) > 0 {
			t.Errorf("changes of the state: %q", *states)
		}
	})
}

// The next failures open it, as soon as they are as many as the successes in the window.
func TestFailuresOpenTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, states := recorded(t)
		attempt(t, b, minAttempts/2, b.Succeeded)
		attempt(t, b, minAttempts/2, b.Failed)
		if permitted(b) || b.Remaining() != rest {
			t.Errorf("changes of the state: %q, the last one for %v", *states, b.Remaining())
		}
		time.Sleep(rest)
		attempt(t, b, 1, b.Failed)
		if permitted(b) {
			t.Error("the breaker is closed, although the server is still away")
		}
		time.Sleep(rest)
		attempt(t, b, 1, b.Cancelled)
		attempt(t, b, 1, func(p breaker.Permit) {
			if permitted(b) {
				t.Error("an attempt is permitted beside the one after a rest")
			}
			b.Succeeded(p)
		})
		attempt(t, b, minAttempts-1, b.Failed)
		want := []string{"closed to open", "open to half-open", "half-open to open", "open to half-open", "half-open to closed"}
		if !slices.Equal(*states, want) {
			t.Errorf("changes of the state: %q, want %q", *states, want)
		}
	})
}

// Of many attempts at a time, an attempt that is cancelled neither opens nor closes the breaker.
func TestAttemptsAtATime(t *testing.T) {
	b, states := recorded(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for n := range 1000 {
				p, ok := b.Permit()
				switch {
				case !ok:
					t.Error("an attempt is refused")
				case n%4 == 0:
					b.Failed(p)
				case n%4 == 1:
					b.Cancelled(p)
				default:
					b.Succeeded(p)
				}
			}
		})
	}
	all.Wait()
	if len(*states) > 0 {
		t.Errorf("changes of the state: %q", *states)
	}
	p, _ := b.Permit()
	b.Open(p)
	b.Open(p)
	if want := []string{"closed to open"}; !slices.Equal(*states, want) {
		t.Errorf("changes of the state: %q, want %q", *states, want)
	}
}

// A rate of failures opens it whatever their order is, also if it is a success that completes the attempts it
// takes.
func TestRateOfFailuresOpensTheBreaker(t *testing.T) {
	for _, pause := range []time.Duration{0, 50 * time.Millisecond, time.Second} {
		for every := 2; every <= 2*minAttempts; every++ { // one of so many attempts succeeds
			for first := range every {
				synctest.Test(t, func(t *testing.T) {
					b, states := recorded(t)
					for n := 0; len(*states) == 0; n++ {
						if n > 2*minAttempts {
							t.Fatalf("one of %d succeeds, every %v: closed after %d attempts", every, pause, n)
						}
						attempt(t, b, 1, map[bool]func(breaker.Permit){true: b.Succeeded, false: b.Failed}[n%every == first])
						time.Sleep(pause)
					}
				})
			}
		}
	}
}

// Fewer failures do not open it, however many there are.
func TestLowRateOfFailuresOpensNoBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, states := recorded(t)
		for range 1000 {
			attempt(t, b, 3, b.Succeeded)
			attempt(t, b, 2, b.Failed)
			time.Sleep(window / 100)
		}
		if len(*states) > 0 {
			t.Errorf("changes of the state: %q", *states)
		}
	})
}

// Attempts that were permitted before the breaker opened decide nothing afterwards, neither while another one tries
// whether the server is back, nor when that one has closed the breaker.
func TestOldResultsDecideNothing(t *testing.T) {
	tells := map[string]func(*breaker.Breaker, breaker.Permit){
		"succeeded": (*breaker.Breaker).Succeeded, "failed": (*breaker.Breaker).Failed,
		"cancelled": (*breaker.Breaker).Cancelled, "opens": (*breaker.Breaker).Open,
	}
	for name, tell := range tells {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, states := recorded(t)
				old := begin(t, b, 40)
				attempt(t, b, minAttempts, b.Failed)
				late := func(count int, want ...string) {
					t.Helper()
					for _, p := range old[:count] {
						if b.Counts(p) {
							t.Error("an old result counts")
						}
						tell(b, p)
					}
					old = old[count:]
					if !slices.Equal(*states, want) {
						t.Errorf("changes of the state: %q, want %q", *states, want)
					}
				}
				late(10, "closed to open")
				time.Sleep(rest)
				first := begin(t, b, 1)[0]
				late(10, "closed to open", "open to half-open")
				if permitted(b) {
					t.Error("another attempt is permitted")
				}
				b.Cancelled(first)
				trial := begin(t, b, 1)[0]
				tell(b, first) // once more
				late(10, "closed to open", "open to half-open")
				if permitted(b) || !trial.Trial() || !b.Counts(trial) {
					t.Error("the trial has lost its permit")
				}
				b.Succeeded(trial)
				tell(b, trial) // once more
				late(10, "closed to open", "open to half-open", "half-open to closed")
				attempt(t, b, minAttempts-1, b.Failed)
				if len(*states) != 3 {
					t.Errorf("changes of the state: %q: old failures count", *states)
				}
			})
		})
	}
}

// A caller says nothing about the server by leaving, nor by a deadline that comes early.
func TestCallersEndAttempts(t *testing.T) {
	const timeout = 10 * time.Second
	another := fmt.Errorf("another call: %w", context.DeadlineExceeded)
	for name, c := range map[string]struct {
		end  func(context.Context, time.Duration) (context.Context, context.CancelFunc)
		from time.Duration // from when on the attempt is a timeout of the server
	}{
		"leaves":                      {leaving(context.Canceled), time.Hour},
		"has a failure":               {leaving(another), time.Hour},
		"is late":                     {context.WithTimeout, timeout / 2},
		"stands for one that is late": {leaving(context.DeadlineExceeded), timeout / 2},
	} {
		for _, lasted := range []time.Duration{0, time.Second, timeout/2 - 1, timeout / 2, timeout} {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := c.end(t.Context(), lasted)
				defer cancel()
				<-ctx.Done()
				if got := breaker.Inconclusive(ctx, lasted, timeout); got != (lasted < c.from) {
					t.Errorf("a caller that %s after %v: inconclusive is %t", name, lasted, got)
				}
			})
		}
	}
	if breaker.Inconclusive(t.Context(), timeout, timeout) {
		t.Error("a timeout of the server itself is inconclusive")
	}
}

// leaving returns a function that makes contexts which end with a cause after some time.
func leaving(cause error) func(context.Context, time.Duration) (context.Context, context.CancelFunc) {
	return func(ctx context.Context, after time.Duration) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancelCause(ctx)
		time.AfterFunc(after, func() { cancel(cause) })
		return ctx, func() { cancel(nil) }
	}
}

// The window is that of the last time: what was before counts no more.
func TestOldFailuresCountNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, states := recorded(t)
		attempt(t, b, minAttempts-1, b.Failed)
		time.Sleep(window)
		attempt(t, b, minAttempts-1, b.Failed)
		time.Sleep(window * 9 / 10)
		if len(*states) > 0 {
			t.Errorf("changes of the state: %q", *states)
		}
		attempt(t, b, 1, b.Failed)
		if len(*states) != 1 {
			t.Errorf("changes of the state: %q, want one", *states)
		}
	})
}
