package main

import (
	"runtime"
	"slices"
	"sync"
	"time"
)

// A tally counts the orders of a phase.
type tally struct {
	name    string
	offered float64 // orders a second; 0: as many as the clients can

	mu        sync.Mutex
	began     time.Time
	took      time.Duration // of the phase
	processor time.Duration // of the store in it
	clients   time.Duration // the same of the clients
	idle      float64       // the share of the machine's processors that had nothing to do
	arrived   int
	outcomes  [failed + 1]int
	// latencies are of the orders that were not refused. A client that gave up has waited
	// for its whole patience.
	latencies []time.Duration
	settled   []settlement // as latencies, with the time
	failure   error        // the first
}

type settlement struct {
	arrived time.Duration // since the phase began
	placed  bool
	latency time.Duration
}

func (t *tally) add(arrived time.Time, o outcome, err error) {
	latency := time.Since(arrived)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.outcomes[o]++
	if err != nil && t.failure == nil {
		t.failure = err
	}
	t.settled = append(t.settled, settlement{arrived.Sub(t.began), o == placed, latency})
	if o != refused {
		t.latencies = append(t.latencies, latency)
	}
}

// goodput returns the placed orders a second.
func (t *tally) goodput() float64 { return float64(t.outcomes[placed]) / t.took.Seconds() }

// perOrder returns the processor time of the store for each placed order.
func (t *tally) perOrder() time.Duration {
	return t.processor / time.Duration(max(1, t.outcomes[placed]))
}

// clientShare returns the share of the machine's processors that the clients used, which are programs
// on the same machine.
func (t *tally) clientShare() float64 {
	return t.clients.Seconds() / t.took.Seconds() / float64(runtime.NumCPU())
}

// share returns the share of the orders that were placed.
func (t *tally) share() float64 {
	return float64(t.outcomes[placed]) / float64(max(1, len(t.settled)))
}

// percentile returns a percentile of the latencies.
func (t *tally) percentile(p int) time.Duration { return percentile(t.latencies, p) }

func percentile(latencies []time.Duration, p int) time.Duration {
	if len(latencies) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(latencies))
	return sorted[(len(sorted)*p-1)/100]
}

// after returns the share of the orders that were placed, of those that arrived
// from a time on, and the 99th percentile of the latencies of all of them.
func (t *tally) after(start time.Duration) (share float64, latency time.Duration) {
	var all, ok int
	var latencies []time.Duration
	for _, s := range t.settled {
		if s.arrived < start {
			continue
		}
		all++
		latencies = append(latencies, s.latency)
		if s.placed {
			ok++
		}
	}
	return float64(ok) / float64(max(1, all)), percentile(latencies, 99)
}
