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

// attempt makes attempts that are all permitted.
func attempt(t *testing.T, b *breaker.Breaker, count int, tell func()) {
	t.Helper()
	for n := range count {
		if !b.Permit() {
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
		if b.Permit() || b.Remaining() != rest {
			t.Errorf("changes of the state: %q, the last one for %v", *states, b.Remaining())
		}
		time.Sleep(rest)
		attempt(t, b, 1, b.Failed)
		if b.Permit() {
			t.Error("the breaker is closed, although the server is still away")
		}
		time.Sleep(rest)
		attempt(t, b, 1, b.Cancelled)
		attempt(t, b, 1, func() {
			if b.Permit() {
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
				case !b.Permit():
					t.Error("an attempt is refused")
				case n%4 == 0:
					b.Failed()
				case n%4 == 1:
					b.Cancelled()
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
