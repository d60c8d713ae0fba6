package breaker_test

import (
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
func attempt(t *testing.T, b *breaker.Breaker, count int, tell func()) {
	t.Helper()
	for n := range count {
		if _, ok := b.Permit(); !ok {
			t.Fatalf("attempt %d is refused", n)
		}
		tell()
	}
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
		attempt(t, b, 1, func() { b.Cancelled(true) })
		attempt(t, b, 1, func() {
			if permitted(b) {
				t.Error("an attempt is permitted beside the one after a rest")
			}
			b.Succeeded()
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
				switch {
				case !permitted(b):
					t.Error("an attempt is refused")
				case n%4 == 0:
					b.Failed()
				case n%4 == 1:
					b.Cancelled(false)
				default:
					b.Succeeded()
				}
			}
		})
	}
	all.Wait()
	if len(*states) > 0 {
		t.Errorf("changes of the state: %q", *states)
	}
	b.Open()
	b.Open()
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
						attempt(t, b, 1, map[bool]func(){true: b.Succeeded, false: b.Failed}[n%every == first])
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

// Attempts from before the breaker opened that are cancelled while one tries whether the server is back permit no
// other one.
func TestOldAttemptsPermitNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := recorded(t)
		attempt(t, b, 20, func() {})
		attempt(t, b, minAttempts, b.Failed)
		time.Sleep(rest)
		if trial, ok := b.Permit(); !trial || !ok {
			t.Fatalf("no attempt is permitted after a rest: %t, %t", trial, ok)
		}
		for range 20 {
			b.Cancelled(false)
		}
		if permitted(b) {
			t.Error("another attempt is permitted")
		}
		b.Cancelled(true)
		if !permitted(b) {
			t.Error("no attempt is permitted after the one that was cancelled")
		}
	})
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
