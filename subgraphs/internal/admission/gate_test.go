package admission_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"souk/subgraphs/internal/admission"
)

// requests are those of a test, which enter a gate in order of their numbers.
type requests struct {
	gate *admission.Gate
	all  sync.WaitGroup

	mu      sync.Mutex
	ran     []int
	refused map[int]error
}

// send lets a request enter, and run for a while if it may.
func (r *requests) send(ctx context.Context, number int, inside bool, work time.Duration) {
	r.all.Go(func() {
		err := r.gate.Enter(ctx, inside)
		r.mu.Lock()
		if err != nil {
			if r.refused == nil {
				r.refused = map[int]error{}
			}
			r.refused[number] = err
		} else {
			r.ran = append(r.ran, number)
		}
		r.mu.Unlock()
		if err == nil {
			time.Sleep(work)
			r.gate.Leave()
		}
	})
	synctest.Wait()
}

func (r *requests) check(t *testing.T, ran []int, refused map[int]error) {
	t.Helper()
	r.all.Wait()
	if !slices.Equal(r.ran, ran) {
		t.Errorf("ran %v, want %v", r.ran, ran)
	}
	for number, want := range refused {
		if !errors.Is(r.refused[number], want) {
			t.Errorf("request %d: got error %v, want %v", number, r.refused[number], want)
		}
	}
	if len(r.refused) != len(refused) {
		t.Errorf("refused %v, want %v", r.refused, refused)
	}
}

func TestRequestsOfABurstRunInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := requests{gate: admission.NewGate(2, 0, 10)}
		for number := range 6 {
			r.send(t.Context(), number, false, 10*time.Millisecond)
		}
		r.check(t, []int{0, 1, 2, 3, 4, 5}, nil)
	})
}

func TestNoRequestWaitsForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := requests{gate: admission.NewGate(1, 0, 10)}
		r.send(t.Context(), 0, false, time.Minute)
		began := time.Now()
		if err := r.gate.Enter(t.Context(), false); !errors.Is(err, admission.ErrWaited) {
			t.Errorf("got error %v", err)
		}
		if waited := time.Since(began); waited > time.Second {
			t.Errorf("waited for %v", waited)
		}
		r.check(t, []int{0}, nil)
	})
}

func TestTheOldestLeavesAFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := requests{gate: admission.NewGate(1, 0, 2)}
		for number := range 5 {
			r.send(t.Context(), number, false, 10*time.Millisecond)
		}
		r.check(t, []int{0, 3, 4}, map[int]error{1: admission.ErrFull, 2: admission.ErrFull})
	})
}

func TestRequestsOfServicesDoNotWaitForNewOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := requests{gate: admission.NewGate(1, 2, 10)}
		r.send(t.Context(), 0, false, 50*time.Millisecond)
		r.send(t.Context(), 1, false, time.Millisecond) // waits
		r.send(t.Context(), 2, true, 20*time.Millisecond)
		r.send(t.Context(), 3, true, 20*time.Millisecond)
		r.send(t.Context(), 4, true, time.Millisecond) // the reserve is in use
		r.check(t, []int{0, 2, 3, 1}, map[int]error{4: admission.ErrFull})
	})
}

func TestAWaitEndsWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := requests{gate: admission.NewGate(1, 0, 10)}
		r.send(t.Context(), 0, false, 50*time.Millisecond)
		ctx, leave := context.WithCancel(t.Context())
		r.send(ctx, 1, false, time.Millisecond)
		r.send(t.Context(), 2, false, time.Millisecond)
		leave()
		r.check(t, []int{0, 2}, map[int]error{1: context.Canceled})
	})
}

// While it gets ten times what it can do, a gate lets the newest requests run, none of them late,
// and wastes no time.
func TestOverloadedGateRunsTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const work, every, count = 10 * time.Millisecond, time.Millisecond, 5000
		gate := admission.NewGate(1, 0, 100)
		var (
			all  sync.WaitGroup
			mu   sync.Mutex
			ran  int
			late int
		)
		for number := range count {
			all.Go(func() {
				arrived := time.Now()
				if gate.Enter(t.Context(), false) != nil {
					return
				}
				mu.Lock()
				ran++
				if number > count/10 && time.Since(arrived) > 4*work {
					late++
				}
				mu.Unlock()
				time.Sleep(work)
				gate.Leave()
			})
			time.Sleep(every)
		}
		all.Wait()
		if possible := int(count * every / work); ran < possible*9/10 {
			t.Errorf("%d requests ran, of %d that could", ran, possible)
		}
		if late > 0 {
			t.Errorf("%d requests waited for long", late)
		}
	})
}

// A request whose deadline is before its turn is refused at once.
func TestRequestsThatCannotBeInTimeAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := requests{gate: admission.NewGate(1, 0, 20)}
		for number := range 6 { // teach the gate its pace
			r.send(t.Context(), number, false, 15*time.Millisecond)
		}
		r.all.Wait()
		for number := range 4 {
			r.send(t.Context(), 10+number, false, 15*time.Millisecond)
		}
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if err := r.gate.Enter(ctx, false); !errors.Is(err, admission.ErrDeadline) || time.Since(began) > 0 {
			t.Errorf("got error %v after %v", err, time.Since(began))
		}
		r.all.Wait()
		if len(r.refused) > 0 {
			t.Errorf("refused %v", r.refused)
		}
	})
}
