package memory

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestCollectorRunsLessOftenWithPlentyOfMemory(t *testing.T) {
	for _, c := range []struct {
		limit, live, reserve int64
		want                 int
	}{
		{0, 10 << 20, 0, 400}, // no limit: small heaps grow fivefold
		{0, 20 << 20, 0, 220}, // to 64 MiB
		{0, 50 << 20, 0, 100},
		{512 << 20, 10 << 20, 0, 400}, // small heaps grow fivefold
		{512 << 20, 64 << 20, 0, 300}, // to 256 MiB
		{512 << 20, 128 << 20, 0, 100},
		{512 << 20, 400 << 20, 0, 100}, // the limit itself takes over
		{512 << 20, 0, 0, 100},
		{0, 20 << 20, 20 << 20, 320}, // with a reserve, to 84 MiB
		{0, 100 << 20, 50 << 20, 150},
		{512 << 20, 128 << 20, 64 << 20, 150},
		{512 << 20, 128 << 20, 512 << 20, 200}, // to three quarters of the limit
		{512 << 20, 400 << 20, 64 << 20, 100},
	} {
		if got := percentFor(c.limit, c.live, c.reserve); got != c.want {
			t.Errorf("limit %d, live %d: got %d, want %d", c.limit, c.live, got, c.want)
		}
	}
}

// The percentage follows the limit, collection by collection.
func TestPercentageFollowsTheLimit(t *testing.T) {
	before, percent := debug.SetMemoryLimit(-1), debug.SetGCPercent(defaultPercent)
	t.Cleanup(func() { debug.SetMemoryLimit(before); debug.SetGCPercent(percent) })
	p := newPacer()
	p.arm()
	for _, c := range []struct {
		limit int64
		want  uint64
	}{{1 << 40, maxPercent}, {64 << 10, defaultPercent}} {
		debug.SetMemoryLimit(c.limit)
		got := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		for end := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
			runtime.GC()
			if metrics.Read(got); got[0].Value.Uint64() == c.want {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("limit %d: GOGC is %d, want %d", c.limit, got[0].Value.Uint64(), c.want)
			}
		}
	}
}

// Postponing raises the percentage at once. Its end leaves that to the next collection.
func TestPostponedCollections(t *testing.T) {
	before, percent := debug.SetMemoryLimit(-1), debug.SetGCPercent(defaultPercent)
	t.Cleanup(func() { debug.SetMemoryLimit(before); debug.SetGCPercent(percent) })
	debug.SetMemoryLimit(math.MaxInt64)
	ballast := make([]byte, 80<<20) // so that the heap is not small
	runtime.GC()
	p := newPacer()
	p.set()
	if p.percent != defaultPercent {
		t.Fatalf("GOGC is %d before", p.percent)
	}
	p.postpone(80 << 20)
	raised := p.percent
	if raised < 150 || debug.SetGCPercent(raised) != raised {
		t.Errorf("GOGC is %d while collections are postponed", raised)
	}
	if p.release(80 << 20); p.percent != raised || p.reserve != 0 {
		t.Errorf("GOGC is %d and the reserve %d after the end", p.percent, p.reserve)
	}
	if p.set(); p.percent != defaultPercent {
		t.Errorf("GOGC is %d after a collection", p.percent)
	}
	runtime.KeepAlive(ballast)
}
