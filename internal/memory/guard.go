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

// A Guard watches the heap and says when it is nearly full. It is safe for
// concurrent use. The zero Guard is never full.
type Guard struct {
	over atomic.Bool
}

// Protect sets the soft memory limit and watches the heap, for a whole process.
// It logs when memory is nearly full and when it has room again. Stop ends it.
func Protect(ctx context.Context, logger *slog.Logger, share Share) (g *Guard, stop func()) {
	SetLimit(logger, share)
	g = new(Guard)
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var watching sync.WaitGroup
	watching.Go(func() {
		g.watch(ctx, Limit(), func(full bool) {
			if full {
				logger.Warn("memory is nearly full: new operations are refused", "limit", Limit())
			} else {
				logger.Info("memory has room again: new operations are accepted")
			}
		})
	})
	return g, func() {
		cancel()
		watching.Wait()
	}
}

const (
	// fullShare is the part of the soft limit that live objects may take. Above
	// it the collector would run all the time to keep the limit.
	fullShare = 0.75
	// watchEvery is how often the heap is looked at, which costs a microsecond;
	// collectEvery is how often it is collected to find out whether it still is
	// full: without new work nothing else would.
	watchEvery   = 50 * time.Millisecond
	collectEvery = time.Second
)

// Full says whether new work should be refused.
func (g *Guard) Full() bool { return g != nil && g.over.Load() }

// watch looks at the heap until ctx ends, and returns at once if there is no
// limit. Changed is told whenever Full has changed.
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
		// Live is as of the last collection; the limit itself is passed when
		// live objects have grown since faster than the collector could follow.
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
