package main

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"souk/internal/processtime"
)

// maxOpen bounds the orders that are under way, and with them the connections. An
// order that arrives beyond it is given up at once.
const maxOpen = 3000

// together is for how long an order may wait for the ones after it.
const together = time.Millisecond

// retryAfter is how long a client waits that was refused, if it orders again.
const retryAfter = 50 * time.Millisecond

// closed lets a number of clients order, each again as soon as it has the
// response.
func closed(ctx context.Context, c *client, name string, clients int, duration time.Duration) (*tally, error) {
	t := &tally{name: name}
	return t, t.measure(c.store, func() {
		end := t.began.Add(duration)
		var all sync.WaitGroup
		for range clients {
			all.Go(func() {
				for now := time.Now(); now.Before(end) && ctx.Err() == nil; now = time.Now() {
					o, err := c.order(ctx, now)
					t.add(now, o, err)
					if o == refused {
						time.Sleep(retryAfter)
					}
				}
			})
		}
		all.Wait()
	})
}

// open lets orders arrive at random times with a mean rate, whether or not those
// before have ended. They end after the phase; how long that takes is not part
// of it.
func open(ctx context.Context, c *client, name string, rate float64, duration time.Duration) (*tally, error) {
	t := &tally{name: name, offered: rate}
	random := rand.New(rand.NewPCG(1, uint64(rate)))
	var all sync.WaitGroup
	err := t.measure(c.store, func() {
		under := make(chan struct{}, maxOpen)
		end := t.began.Add(duration)
		for next := t.began; ; {
			if next = next.Add(time.Duration(random.ExpFloat64() / rate * float64(time.Second))); next.After(end) || ctx.Err() != nil {
				time.Sleep(time.Until(end))
				return
			}
			// Waking up costs processor time, which is missing to the store: orders that arrive soon
			// after each other are sent together.
			if wait := time.Until(next); wait > 0 {
				time.Sleep(wait + together)
			}
			arrived := next
			t.arrived++
			select {
			case under <- struct{}{}:
			default:
				t.add(arrived, gaveUp, nil)
				continue
			}
			all.Go(func() {
				defer func() { <-under }()
				o, err := c.order(ctx, arrived)
				t.add(arrived, o, err)
			})
		}
	})
	return t, finish(err, &all)
}

func finish(err error, all *sync.WaitGroup) error {
	all.Wait()
	return err
}

// measure measures the time and the processor time of a phase.
func (t *tally) measure(s *store, phase func()) error {
	before, err := s.used()
	if err != nil {
		return err
	}
	ownBefore, err := processtime.Own()
	if err != nil {
		return err
	}
	idle, err := processtime.Idle()
	if err != nil {
		return err
	}
	t.began = time.Now()
	phase()
	t.took = time.Since(t.began)
	after, err := s.used()
	if err != nil {
		return err
	}
	t.processor = after - before
	ownAfter, err := processtime.Own()
	if err != nil {
		return err
	}
	t.clients = ownAfter - ownBefore
	still, err := processtime.Idle()
	t.idle = float64(still-idle) / float64(t.took) / float64(runtime.NumCPU())
	return err
}
