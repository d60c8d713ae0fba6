package adaptive_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"souk/router/adaptive"
)

// A server has a fixed number of workers. Work waits until one is free.
type server struct {
	workers chan struct{}
	service atomic.Int64 // nanoseconds
}

func newServer(workers int, service time.Duration) *server {
	s := &server{workers: make(chan struct{}, workers)}
	s.service.Store(int64(service))
	return s
}

func (s *server) do() {
	s.workers <- struct{}{}
	time.Sleep(time.Duration(s.service.Load()))
	<-s.workers
}

// load sends work at a rate for a time, which passes at once in a synctest bubble. It returns how
// much of it ended within the deadline, and how much was shed.
func load(l *adaptive.Limiter, s *server, rate int, d, deadline time.Duration) (good, shed int64) {
	var ended, refused atomic.Int64
	pause := time.Second / time.Duration(rate)
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(pause) {
		permit, ok := l.Wait(context.Background())
		if !ok {
			refused.Add(1)
			continue
		}
		go func() {
			began := time.Now()
			s.do()
			permit.Done()
			if time.Since(began) <= deadline {
				ended.Add(1)
			}
		}()
	}
	return ended.Load(), refused.Load()
}

// Under overload, goodput stays near the capacity of a server whose speed changes, and everything
// passes again soon after. Time passes only in the bubble, so the figures do not depend on the machine.
func TestGoodputStaysNearCapacity(t *testing.T) {
	for _, c := range []struct {
		workers  int
		service  time.Duration
		overload int
	}{
		{2, 20 * time.Millisecond, 5}, {10, 50 * time.Millisecond, 2}, {10, 50 * time.Millisecond, 10}, {10, 200 * time.Millisecond, 3},
		{40, 10 * time.Millisecond, 2}, {40, 100 * time.Millisecond, 5}, {1, 30 * time.Millisecond, 4},
	} {
		t.Run(fmt.Sprintf("%d workers, %s, %d times the capacity", c.workers, c.service, c.overload), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var limit, shed int64
				l := adaptive.New(adaptive.Options{
					Min: 1, Max: 500, Initial: 20, Limit: func(n int) { atomic.StoreInt64(&limit, int64(n)) },
					Shed: func() { atomic.AddInt64(&shed, 1) },
				})
				s := newServer(c.workers, c.service)
				capacity := func() int { return int(int64(c.workers) * int64(time.Second) / s.service.Load()) }
				const phase = 60
				for _, slower := range []int64{1, 3, 1} {
					s.service.Store(int64(c.service) * slower)
					load(l, s, c.overload*capacity(), phase*time.Second, time.Minute) // until the limit has followed
					good, refused := load(l, s, c.overload*capacity(), phase*time.Second, 5*time.Duration(s.service.Load()))
					if want := int64(phase * capacity() * 9 / 10); good < want {
						t.Errorf("%d times slower: %d are done in time, want at least %d; the limit is %d", slower, good, want, limit)
					}
					if refused == 0 {
						t.Errorf("%d times slower: nothing is refused", slower)
					}
				}
				load(l, s, c.overload*capacity(), 10*time.Second, time.Minute)
				time.Sleep(2 * time.Second)
				rate := capacity() * 6 / 10
				good, refused := load(l, s, rate, phase*time.Second, time.Minute)
				if refused*100 > int64(rate*phase) || good < int64(rate*phase)*98/100 {
					t.Errorf("after the overload: %d refused and %d done of %d; the limit is %d", refused, good, rate*phase, limit)
				}
				time.Sleep(time.Minute)
				if shed == 0 {
					t.Error("nothing was shed")
				}
				free := int64(0)
				for _, ok := l.Wait(context.Background()); ok; _, ok = l.Wait(context.Background()) {
					free++
				}
				if free != limit {
					t.Errorf("in the end, %d of %d permits are free", free, limit)
				}
			})
		})
	}
}

// The limit stays within its bounds: a server that answers at once does not raise it without use,
// and one that hangs does not lower it below the minimum.
func TestLimitStaysWithinItsBounds(t *testing.T) {
	now := time.Unix(0, 0)
	limit := 0
	l := adaptive.New(adaptive.Options{Min: 3, Max: 30, Initial: 10, Limit: func(n int) { limit = n }, Now: func() time.Time { return now }})
	work := func(n int, d time.Duration) {
		var permits []adaptive.Permit
		for range n {
			if p, ok := l.Wait(context.Background()); ok {
				permits = append(permits, p)
			}
		}
		now = now.Add(d)
		for i := range permits {
			permits[i].Done()
			permits[i].Done() // has no effect
		}
	}
	for range 200 {
		work(1, 20*time.Millisecond)
	}
	if limit != 10 {
		t.Errorf("the limit is %d without use, want 10", limit)
	}
	for range 200 {
		work(100, 20*time.Millisecond)
	}
	if limit != 30 {
		t.Errorf("the limit is %d with use, want 30", limit)
	}
	for range 200 {
		work(100, 10*time.Second)
		if limit < 3 || limit > 30 {
			t.Fatalf("the limit is %d, outside of its bounds", limit)
		}
	}
}

// Where the lowest limit is more than the server can do at a time, lasting overload does not raise the
// limit: what is measured as the latency of the idle server must not be that of a busy one.
func TestLimitStaysLowIfTheLowestIsMoreThanTheServerCanDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const workers, service, least = 4, 20 * time.Millisecond, 12
		var limit, highest atomic.Int64
		l := adaptive.New(adaptive.Options{
			Min: least, Max: 200, Initial: 20, Tolerance: 1.5, MaxWait: 45 * time.Millisecond,
			Limit: func(n int) { limit.Store(int64(n)) },
		})
		s := newServer(workers, service)
		capacity := int(workers * time.Second / service)
		arrive := func(rate int, d time.Duration) (done int64) {
			var all sync.WaitGroup
			var ended atomic.Int64
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Second / time.Duration(rate)) {
				all.Go(func() {
					if permit, ok := l.Wait(t.Context()); ok {
						s.do()
						permit.Done()
						ended.Add(1)
					}
				})
				highest.Store(max(highest.Load(), limit.Load()))
			}
			all.Wait()
			return ended.Load()
		}
		arrive(capacity/2, 5*time.Second)
		arrive(5*capacity, 5*time.Second) // until the limit has followed
		highest.Store(0)
		const seconds = 120
		done := arrive(5*capacity, seconds*time.Second)
		if most := int64(least + 2); highest.Load() > most {
			t.Errorf("the limit was up to %d under lasting overload, want at most %d", highest.Load(), most)
		}
		if want := int64(capacity * seconds * 97 / 100); done < want {
			t.Errorf("%d are done, want at least %d", done, want)
		}
	})
}

// A limiter that only measures refuses nothing, and reports what it would refuse.
func TestMeasureRefusesNothing(t *testing.T) {
	shed := 0
	l := adaptive.New(adaptive.Options{Min: 1, Max: 2, Initial: 2, Measure: true, Shed: func() { shed++ }})
	for i := range 5 {
		if _, ok := l.Wait(context.Background()); !ok {
			t.Errorf("number %d is refused", i)
		}
	}
	if shed != 3 {
		t.Errorf("%d are reported, want 3", shed)
	}
	var none *adaptive.Limiter
	if p, ok := none.Wait(context.Background()); !ok {
		t.Error("a nil limiter refuses")
	} else {
		p.Done()
	}
}

// Work waits for a permit in turn, for as long as is allowed.
func TestWorkWaitsForAPermit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shed := 0
		l := adaptive.New(adaptive.Options{Min: 1, Max: 1, Initial: 1, MaxWait: 50 * time.Millisecond, Shed: func() { shed++ }})
		running, ok := l.Wait(t.Context())
		if !ok {
			t.Fatal("the first is refused")
		}
		if l.Refuse() {
			t.Error("the first that would wait is refused")
		}
		done := make(chan time.Duration)
		begin := time.Now()
		wait := func() {
			permit, ok := l.Wait(t.Context())
			waited := time.Since(begin)
			if ok {
				permit.Done()
			} else {
				waited = -waited
			}
			done <- waited
		}
		go wait()
		synctest.Wait()
		time.Sleep(20 * time.Millisecond)
		running.Done()
		if waited := <-done; waited != 20*time.Millisecond {
			t.Errorf("work waited for %s, want 20ms", waited)
		}
		running, _ = l.Wait(t.Context())
		begin = time.Now()
		go wait()
		if waited := <-done; waited != -50*time.Millisecond || shed != 1 {
			t.Errorf("work was refused after %s, want 50ms; %d are counted", -waited, shed)
		}
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		if _, ok := l.Wait(canceled); ok || shed != 1 {
			t.Errorf("work of a caller who has left runs, or is counted as refused: %d", shed)
		}
		late, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
		defer cancel()
		if _, ok := l.Wait(late); ok {
			t.Error("work runs after its deadline")
		}
		running.Done()
		if _, ok := l.Wait(context.Background()); !ok {
			t.Error("a permit is lost")
		}
	})
}

// A burst is taken up, and under lasting overload the queue stays as short as the time allows, while
// the server does what it can.
func TestQueueIsBoundedByTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const workers, service, maxWait = 10, 20 * time.Millisecond, 50 * time.Millisecond
		l := adaptive.New(adaptive.Options{Min: workers, Max: workers, Initial: workers, MaxWait: maxWait})
		s := newServer(workers, service)
		var all sync.WaitGroup
		arrive := func(n int) (*atomic.Int64, *atomic.Int64) {
			placed, refused := &atomic.Int64{}, &atomic.Int64{} // no named results: return would write what the work reads
			for range n {
				all.Go(func() {
					begin := time.Now()
					permit, ok := l.Wait(t.Context())
					if took := time.Since(begin); took > maxWait {
						t.Errorf("work waited for %s", took)
					}
					if !ok {
						refused.Add(1)
						return
					}
					s.do()
					permit.Done()
					placed.Add(1)
				})
			}
			return placed, refused
		}
		placed, refused := arrive(2 * workers)
		all.Wait()
		if placed.Load() != 2*workers || refused.Load() > 0 {
			t.Errorf("of a burst of %d, %d are done and %d refused", 2*workers, placed.Load(), refused.Load())
		}
		const seconds, factor = 10, 10
		capacity := int(workers * time.Second / service)
		sum, out := int64(0), int64(0)
		var counts []*atomic.Int64
		for range seconds * capacity {
			p, r := arrive(factor)
			counts = append(counts, p, r)
			time.Sleep(time.Second / time.Duration(capacity))
		}
		all.Wait()
		for i := 0; i < len(counts); i += 2 {
			sum, out = sum+counts[i].Load(), out+counts[i+1].Load()
		}
		if least := int64(seconds * capacity * 95 / 100); sum < least || out == 0 {
			t.Errorf("under overload, %d are done and %d refused, want at least %d done", sum, out, least)
		}
	})
}

// A short overload is a burst, which may wait. A lasting one only makes all of it late, so that it waits
// for less.
func TestWaitIsShorterUnderLastingOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const workers, service, maxWait = 10, 20 * time.Millisecond, 60 * time.Millisecond
		l := adaptive.New(adaptive.Options{Min: workers, Max: workers, Initial: workers, MaxWait: maxWait})
		s := newServer(workers, service)
		var all sync.WaitGroup
		// arrive returns how long work waited for the most, except for the first tenth, which finds
		// an idle server, and how much was done.
		arrive := func(count int, between time.Duration) (longest time.Duration, done int) {
			var mu sync.Mutex
			for i := range count {
				all.Go(func() {
					if l.Refuse() {
						return
					}
					begin := time.Now()
					permit, ok := l.Wait(t.Context())
					if !ok {
						return
					}
					waited := time.Since(begin)
					s.do()
					permit.Done()
					mu.Lock()
					if done++; i >= count/10 {
						longest = max(longest, waited)
					}
					mu.Unlock()
				})
				time.Sleep(between)
			}
			all.Wait()
			return longest, done
		}
		each := service / workers
		if _, done := arrive(400, 5*each/4); done != 400 {
			t.Errorf("of 400 at 80 %% of the capacity, %d are done", done)
		}
		if longest, done := arrive(2*workers, 0); longest != service || done != 2*workers {
			t.Errorf("of a burst of %d, %d are done, after waiting for up to %s", 2*workers, done, longest)
		}
		arrive(5000, each/5)
		longest, done := arrive(12500, each/5) // in 5 s
		if longest > maxWait/2 {
			t.Errorf("under lasting overload, work waited for %s, want at most %s", longest, maxWait/2)
		}
		if least := 2500 * 97 / 100; done < least {
			t.Errorf("under lasting overload, %d are done, want %d", done, least)
		}
	})
}

// With arrivals at random times, the wait under lasting overload does not change between short and long,
// and a load below the capacity has the whole time for its bursts.
func TestWaitIsSteadyWithRandomArrivals(t *testing.T) {
	for _, c := range []struct {
		load    float64       // of the capacity
		longest time.Duration // that 99 % wait for at most
		least   float64       // done, of what could be
	}{{0.8, 60 * time.Millisecond, 0.985}, {2, 15 * time.Millisecond, 0.97}, {5, 15 * time.Millisecond, 0.97}, {10, 15 * time.Millisecond, 0.97}} {
		t.Run(fmt.Sprintf("%g times the capacity", c.load), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const workers, limit, service, maxWait, first, last = 4, 8, 15 * time.Millisecond, 60 * time.Millisecond, 2 * time.Second, 22 * time.Second
				l := adaptive.New(adaptive.Options{Min: limit, Max: limit, Initial: limit, MaxWait: maxWait})
				s := newServer(workers, service)
				random := rand.New(rand.NewPCG(1, 2))
				rate := c.load * float64(workers) / service.Seconds()
				var (
					all   sync.WaitGroup
					mu    sync.Mutex
					waits []time.Duration
				)
				arrived := 0
				for began := time.Now(); time.Since(began) < last; time.Sleep(time.Duration(random.ExpFloat64() / rate * float64(time.Second))) {
					counts := time.Since(began) >= first
					if counts {
						arrived++
					}
					all.Go(func() {
						at := time.Now()
						if l.Refuse() {
							return
						}
						permit, ok := l.Wait(t.Context())
						if !ok {
							return
						}
						waited := time.Since(at)
						s.do()
						permit.Done()
						if counts {
							mu.Lock()
							waits = append(waits, waited)
							mu.Unlock()
						}
					})
				}
				all.Wait()
				slices.Sort(waits)
				if p99 := waits[len(waits)*99/100]; p99 > c.longest {
					t.Errorf("1 %% waited for more than %s, want %s", p99, c.longest)
				}
				could := min(float64(arrived), (last-first).Seconds()*float64(workers)/service.Seconds())
				if done := float64(len(waits)); done < c.least*could {
					t.Errorf("%.0f are done of %.0f that could be", done, could)
				}
			})
		})
	}
}

// Work that would get a permit in time waits, whatever has been measured before: after a trickle of
// work, of which one at a time had to wait, a burst is taken up as far as the time allows.
func TestQueueTakesABurstAfterATrickle(t *testing.T) {
	for _, trickle := range []int{0, 1, 50} {
		t.Run(fmt.Sprintf("%d times", trickle), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const limit, service = 2, 400 * time.Millisecond
				l := adaptive.New(adaptive.Options{Min: limit, Max: limit, Initial: limit, MaxWait: time.Second, Tolerance: 100})
				var all sync.WaitGroup
				arrive := func(n int) int {
					var done atomic.Int64
					for range n {
						all.Go(func() {
							if permit, ok := l.Wait(t.Context()); ok {
								time.Sleep(service)
								permit.Done()
								done.Add(1)
							}
						})
					}
					all.Wait()
					return int(done.Load())
				}
				for range trickle {
					if done := arrive(limit + 1); done != limit+1 {
						t.Fatalf("of %d, %d are done", limit+1, done)
					}
					time.Sleep(10 * time.Second)
				}
				// The third pair waits for 0.8 s.
				if done := arrive(3 * limit); done != 3*limit {
					t.Errorf("of a burst of %d, %d are done", 3*limit, done)
				}
				// The fourth would wait for 1.2 s.
				if done := arrive(5 * limit); done != 3*limit {
					t.Errorf("of a burst of %d, %d are done, want %d", 5*limit, done, 3*limit)
				}
			})
		})
	}
}

// A server that hangs does not leave the queue closed: when it goes on, so does the queue.
func TestQueueOpensAgainAfterAStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := adaptive.New(adaptive.Options{Min: 1, Max: 1, Initial: 1, MaxWait: 50 * time.Millisecond})
		for range 100 {
			running, ok := l.Wait(context.Background())
			if !ok {
				t.Fatal("a permit is lost")
			}
			go func() {
				time.Sleep(time.Second)
				running.Done()
			}()
			if _, ok := l.Wait(t.Context()); ok {
				t.Fatal("work did not wait for the server that hangs")
			}
			time.Sleep(2 * time.Second)
		}
		running, _ := l.Wait(context.Background())
		go func() {
			time.Sleep(10 * time.Millisecond)
			running.Done()
		}()
		if _, ok := l.Wait(t.Context()); !ok {
			t.Error("after the stall, work is refused that could run in time")
		}
	})
}
