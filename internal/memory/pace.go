package memory

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"sync/atomic"
)

const (
	// defaultPercent is GOGC by default: the heap grows to twice what is live.
	defaultPercent = 100
	// maxPercent bounds GOGC. More would save little: a collection then takes a fifth of the time
	// that it takes by default.
	maxPercent = 400
	// smallHeap is the size to which the heap may grow without a soft memory limit, however little is
	// live. A router without large caches would otherwise collect a few megabytes many times a second.
	smallHeap = 64 << 20
)

// pacing is done once in a process, since the garbage collector is one.
var (
	pacing  sync.Once
	process *pacer // after pacing
)

// pace makes the garbage collector run less often while memory is plentiful: after each collection
// it sets GOGC so that the heap may grow to half of the soft memory limit. The other half is for what
// is live later, and for Guard. Without a limit, the heap may grow to smallHeap. It does nothing if
// GOGC is set.
func pace() {
	if os.Getenv("GOGC") != "" {
		return
	}
	pacing.Do(func() {
		process = newPacer()
		process.arm()
		paced.Store(true)
	})
}

// paced is set once process is.
var paced atomic.Bool

// Postpone lets the heap grow by so many more bytes before it is collected, until release is called and
// the next collection has ended. It is for work that drops what it replaces at its end: a collection
// before that would be for little. Near the soft memory limit, and if GOGC is set, it does nothing.
func Postpone(bytes int64) (release func()) {
	if !paced.Load() {
		return func() {}
	}
	process.postpone(bytes)
	return func() { process.release(bytes) }
}

// A pacer adapts GOGC.
type pacer struct {
	mu      sync.Mutex
	percent int
	live    []metrics.Sample
	// reserve is how much more the heap may grow.
	reserve int64
}

func newPacer() *pacer {
	return &pacer{percent: defaultPercent, live: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}}
}

func (p *pacer) postpone(bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reserve += bytes
	p.set()
}

// release leaves GOGC as it is until the next collection: a lower one could begin a collection now.
func (p *pacer) release(bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reserve -= bytes
}

// A cycle is garbage from the beginning, so that its finalizer runs after the next collection. It has
// a pointer, because tiny objects without one share a block and may not be collected.
type cycle struct{ of *pacer }

// arm makes the pacer run after the next collection.
func (p *pacer) arm() { runtime.SetFinalizer(&cycle{p}, func(c *cycle) { c.of.adapt() }) }

func (p *pacer) adapt() {
	defer p.arm()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set()
}

// set sets GOGC for what is live. The caller holds p.mu.
func (p *pacer) set() {
	metrics.Read(p.live)
	wanted := percentFor(Limit(), int64(p.live[0].Value.Uint64()), p.reserve)
	// A change stops the program for a moment, so small ones are not worth it.
	if 10*max(wanted-p.percent, p.percent-wanted) < p.percent && wanted != defaultPercent {
		return
	}
	if wanted != p.percent {
		p.percent = wanted
		debug.SetGCPercent(wanted)
	}
}

// percentFor returns GOGC for a soft memory limit, or 0 for none, the live heap, and what it may grow
// more, which must leave a quarter of the limit.
func percentFor(limit, live, reserve int64) int {
	if live <= 0 {
		return defaultPercent
	}
	size := int64(smallHeap)
	if limit > 0 {
		size = limit / 2
	}
	growth := max(size-live, live)
	if limit > 0 {
		reserve = max(min(reserve, limit*3/4-live-growth), 0)
	}
	return int(min((growth+reserve)*100/live, maxPercent))
}
