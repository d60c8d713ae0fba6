package memory

import (
	"context"
	"log/slog"
	"runtime"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"
)

// A Guard watches the heap and reports when it is nearly full. It is safe for
// concurrent use. The zero Guard is never full.
type Guard struct {
	over atomic.Bool
}

// Protect sets the soft memory limit of the process and watches the heap. It logs when
// memory is nearly full and when it is available again. The function stop ends it.
func Protect(ctx context.Context, logger *slog.Logger, share Share) (g *Guard, stop func()) {
	SetLimit(logger, share)
	g = new(Guard)
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var watching sync.WaitGroup
	watching.Go(func() {
		g.watch(ctx, Limit(), func(full bool) {
			if full {
				logger.Warn("memory is nearly full: rejecting new operations", "limit", Limit())
			} else {
				logger.Info("memory is available again: accepting new operations")
			}
		})
	})
	return g, func() {
		cancel()
		watching.Wait()
	}
}

const (
	// fullShare is the fraction of the soft limit that live objects may use.
	// Above it, the garbage collector would run all the time to keep the limit.
	fullShare = 0.75
	// watchEvery is the interval of checks, which take a microsecond each.
	// collectEvery is the interval of garbage collections while the heap is full:
	// without new work, nothing else would detect that it no longer is.
	watchEvery   = 50 * time.Millisecond
	collectEvery = time.Second
)

// Full reports whether new work should be rejected.
func (g *Guard) Full() bool { return g != nil && g.over.Load() }

// watch checks the heap until ctx is done. It calls changed when the result of Full
// changes. Without a limit, it returns immediately.
func (g *Guard) watch(ctx context.Context, limit int64, changed func(full bool)) {
	if limit == 0 {
		return
	}
	full := uint64(float64(limit) * fullShare)
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	var collected time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		metrics.Read(samples)
		live, mapped := samples[0].Value.Uint64(), samples[1].Value.Uint64()-samples[2].Value.Uint64()
		// live is measured at the last collection. Memory can exceed the limit
		// itself if it has grown faster since then than the collector could free.
		over := live > full || mapped > uint64(limit)
		if over && time.Since(collected) > collectEvery {
			runtime.GC()
			collected = time.Now()
		}
		if g.over.Swap(over) != over {
			changed(over)
		}
	}
}
