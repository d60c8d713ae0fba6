// Package latency measures how long requests to subgraphs take, for plans that depend on
// it.
//
// A [Table] keeps a moving average for each subgraph. What it publishes, as [Estimates], changes
// seldom, because every change makes plans again: averages are rounded to steps of 1.5 times, a
// new value replaces the old one only if it differs by more than a step, and averages are
// compared with what is published every few seconds.
package latency

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// step is the ratio of two adjacent values of estimates.
	step = 1.5
	// minSamples is how many requests an estimate is made of, at least.
	minSamples = 20
	// window is how many of the latest requests an average is made of, roughly.
	window = 32
	// interval is the time between two looks at the averages.
	interval = 5 * time.Second
	// shortest is the lowest estimate: what is faster makes no difference.
	shortest = time.Millisecond
	// maxSubgraphs bounds the subgraphs that are measured.
	maxSubgraphs = 10_000
)

// Estimates are latencies of subgraphs by name. They do not change: other latencies are other
// Estimates.
type Estimates struct {
	// Of has the subgraphs whose latency is known.
	Of map[string]time.Duration
}

// A Table measures the latencies of subgraphs. It is safe for concurrent use.
type Table struct {
	averages  atomic.Pointer[map[string]*average]
	published atomic.Pointer[Estimates]
	// due is when averages are looked at next, in nanoseconds since 1970.
	due     atomic.Int64
	changes sync.Mutex
}

// An average is that of the latencies of one subgraph. It is geometric, so that few
// very slow requests do not outweigh all others.
type average struct {
	mu      sync.Mutex
	samples int
	log     float64 // of the average in seconds
}

// New returns a table without subgraphs.
func New() *Table {
	t := &Table{}
	t.averages.Store(&map[string]*average{})
	t.published.Store(&Estimates{Of: map[string]time.Duration{}})
	return t
}

// Measure begins to measure the subgraphs of these names, and forgets all others.
func (t *Table) Measure(names []string) {
	t.changes.Lock()
	defer t.changes.Unlock()
	old, next := *t.averages.Load(), map[string]*average{}
	for _, name := range names[:min(len(names), maxSubgraphs)] {
		if next[name] = old[name]; next[name] == nil {
			next[name] = &average{}
		}
	}
	t.averages.Store(&next)
}

// Inherit takes the averages and estimates of another table for the subgraphs that both
// measure.
func (t *Table) Inherit(former *Table) {
	t.changes.Lock()
	defer t.changes.Unlock()
	averages, old := *t.averages.Load(), former.Estimates()
	of := map[string]time.Duration{}
	for name, from := range *former.averages.Load() {
		to := averages[name]
		if to == nil {
			continue
		}
		from.mu.Lock()
		samples, log := from.samples, from.log
		from.mu.Unlock()
		to.mu.Lock()
		to.samples, to.log = samples, log
		to.mu.Unlock()
		if l, ok := old.Of[name]; ok {
			of[name] = l
		}
	}
	t.published.Store(&Estimates{Of: of})
}

// Estimates returns the current estimates.
func (t *Table) Estimates() *Estimates { return t.published.Load() }

// Observe adds the latency of a request that ended at a time. It does not wait: if several
// requests to one subgraph end at once, only one may count.
func (t *Table) Observe(subgraph string, ended time.Time, took time.Duration) {
	a := (*t.averages.Load())[subgraph]
	if a == nil || !a.mu.TryLock() {
		return
	}
	a.samples = min(a.samples+1, window)
	a.log += (math.Log(max(took, shortest).Seconds()) - a.log) / float64(a.samples)
	a.mu.Unlock()
	at := ended.UnixNano()
	if due := t.due.Load(); at >= due && t.due.CompareAndSwap(due, at+int64(interval)) {
		t.publish()
	}
}

// publish replaces the estimates if an average differs from them.
func (t *Table) publish() {
	t.changes.Lock()
	defer t.changes.Unlock()
	old, next, changed := t.published.Load(), map[string]time.Duration{}, false
	for name, a := range *t.averages.Load() {
		a.mu.Lock()
		samples, log := a.samples, a.log
		a.mu.Unlock()
		before, known := old.Of[name]
		if known {
			next[name] = before
		}
		if samples < minSamples || known && math.Abs(log-math.Log(before.Seconds())) <= math.Log(step) {
			continue
		}
		next[name], changed = rounded(log), true
	}
	if changed {
		t.published.Store(&Estimates{Of: next})
	}
}

// rounded returns the nearest of the steps from the shortest estimate on.
func rounded(log float64) time.Duration {
	steps := math.Round((log - math.Log(shortest.Seconds())) / math.Log(step))
	return time.Duration(float64(shortest) * math.Pow(step, steps))
}
