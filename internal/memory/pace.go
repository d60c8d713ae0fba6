package memory

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
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
var pacing sync.Once

// pace makes the garbage collector run less often while memory is plentiful: after each collection
// it sets GOGC so that the heap may grow to half of the soft memory limit. The other half is for what
// is live later, and for Guard. Without a limit, the heap may grow to smallHeap. It does nothing if
// GOGC is set.
func pace() {
	if os.Getenv("GOGC") != "" {
		return
	}
	pacing.Do(func() {
		p := &pacer{percent: defaultPercent, live: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}}
		p.arm()
	})
}

// A pacer adapts GOGC. Only the goroutine that runs finalizers uses it.
type pacer struct {
	percent int
	live    []metrics.Sample
}

// A cycle is garbage from the beginning, so that its finalizer runs after the next collection. It has
// a pointer, because tiny objects without one share a block and may not be collected.
type cycle struct{ of *pacer }

// arm makes the pacer run after the next collection.
func (p *pacer) arm() { runtime.SetFinalizer(&cycle{p}, func(c *cycle) { c.of.adapt() }) }

func (p *pacer) adapt() {
	defer p.arm()
	metrics.Read(p.live)
	wanted := percentFor(Limit(), int64(p.live[0].Value.Uint64()))
	// A change stops the program for a moment, so small ones are not worth it.
	if 10*max(wanted-p.percent, p.percent-wanted) < p.percent && wanted != defaultPercent {
		return
	}
	if wanted != p.percent {
		p.percent = wanted
		debug.SetGCPercent(wanted)
	}
}

// percentFor returns GOGC for a soft memory limit, or 0 for none, and the live heap.
func percentFor(limit, live int64) int {
	if live <= 0 {
		return defaultPercent
	}
	size := int64(smallHeap)
	if limit > 0 {
		size = limit / 2
	}
	return int(min(max((size-live)*100/live, defaultPercent), maxPercent))
}
