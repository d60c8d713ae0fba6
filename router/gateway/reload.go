package gateway

import (
	"context"
	"encoding/hex"
	"time"

	"souk/router/dependency"
	"souk/router/internal/panics"
)

// SetSupergraph replaces the current supergraph. Before that, it plans the most used
// operations for the new one. If the new one is invalid, it returns an error and keeps
// the current one. Calls are serialized.
func (gw *Gateway) SetSupergraph(sdl string) error {
	return gw.set(sdl, digestOf(sdl, gw.pause()))
}

// set is SetSupergraph for a supergraph with a digest.
func (gw *Gateway) set(sdl string, sum digest) error {
	gw.loading.Lock()
	defer gw.loading.Unlock()
	began := time.Now()
	next, err := gw.newSnapshot(sdl, sum)
	if err != nil {
		gw.refused(began, err)
		return err
	}
	gw.use(next, began)
	return nil
}

// refused reports that a supergraph cannot be used. The caller holds gw.loading.
func (gw *Gateway) refused(began time.Time, err error) {
	gw.metrics.LoadsFailed.Inc()
	gw.recordReload(began, time.Since(began), gw.current.Load(), nil, err)
}

// use makes a snapshot the current one. The caller holds gw.loading.
func (gw *Gateway) use(next *snapshot, began time.Time) {
	if gw.latencies != nil {
		gw.latencies.Measure(next.subgraphs())
	}
	if old := gw.current.Load(); old != nil {
		gw.warm(next, old)
	}
	old := gw.current.Swap(next)
	gw.offerTools()
	gw.metrics.LoadsOK.Inc()
	gw.logger.Info("supergraph loaded", "supergraph", next.id, "subgraphs", len(next.model.Subgraphs), "warm_plans", next.plans.Len())
	if old != nil {
		took := time.Since(began)
		gw.endStale(next)
		gw.recordReload(began, took, old, next, nil)
		old.retire() // last, since what refers to it keeps it in memory
	} else {
		next.returnMemory()
	}
}

// subgraphs returns the names of the subgraphs.
func (s *snapshot) subgraphs() []string {
	names := make([]string, len(s.model.Subgraphs))
	for i, g := range s.model.Subgraphs {
		names[i] = g.Name
	}
	return names
}

// Inherit prepares a gateway that is about to replace former. It copies the documents that
// clients have registered, within its own memory bound, and plans the most used operations
// of former.
func (gw *Gateway) Inherit(former *Gateway) {
	if gw.config.PersistedDocuments.Automatic {
		former.persisted.registered.Used(func(hash string, text []byte, _ uint64) {
			gw.persisted.registered.Put(hash, text, len(hash)+len(text))
		})
	}
	old := former.acquire()
	if old == nil { // former is closed
		return
	}
	defer old.release()
	gw.loading.Lock() // keeps the current snapshot from being released
	defer gw.loading.Unlock()
	if gw.latencies != nil && former.latencies != nil {
		gw.latencies.Inherit(former.latencies)
	}
	gw.warm(gw.current.Load(), old)
}

// warmUpTime bounds how long a new supergraph waits for plans. Clients can send any number of operations
// that take long to plan. What is not planned in this time is planned when it is used.
const warmUpTime = 10 * time.Second

// warm plans the most used operations of the old snapshot for the next one, the most used first, for
// at most warmUpTime. It skips those that are no longer valid.
func (gw *Gateway) warm(next, old *snapshot) {
	pause := old.pause()
	end := gw.now().Add(warmUpTime)
	quiet := newMetrics(nil) // warming must not count as cache misses
	list := old.byUse()
	for _, u := range list[:min(len(list), gw.config.Caches.WarmUp)] {
		d, err := next.inherit(context.Background(), quiet, u.document)
		if err != nil {
			continue
		}
		known := u.programs.Load()
		if known == nil {
			continue
		}
		for _, s := range *known {
			if !gw.now().Before(end) {
				gw.logger.Warn("planning operations in use took too long; the others are planned when they are used", "bound", warmUpTime)
				return
			}
			pause()
			p := &prepared{document: d, op: d.choose(s.conditions, s.deferring), vars: s.conditions, deferring: s.deferring,
				labels: s.labels.in(old.model, next.model), ahead: true}
			err := panics.Catch(func() error { _, _, err := next.program(context.Background(), quiet, p); return err })
			if err != nil {
				gw.logger.Warn("an operation in use cannot be planned for the new supergraph", "operation", u.name, "hash", u.hash, "error", err)
			}
		}
	}
}

// watchSupergraph reloads the supergraph whenever its contents change. It polls and compares
// hashes of the contents, which also works where files are replaced by symbolic links, as in
// Kubernetes volumes, and where timestamps are coarse (watchedfile.go). seen is the digest of the
// supergraph in use.
func (gw *Gateway) watchSupergraph(from *supergraphOrigin, seen digest, source *dependency.Dependency) {
	ctx := gw.drain // Close cancels it
	var waiting *candidate
	var proposed string // the text of waiting
	defer func() { waiting.drop() }()
	ticker := time.NewTicker(max(gw.config.Supergraph.PollInterval, 10*time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case err := <-waiting.result():
			if ctx.Err() == nil && waiting.decide(err, source) {
				waiting = nil
				gw.keep(from, proposed)
			}
			continue
		case <-ticker.C:
		}
		data, sum, err := from.next(ctx, gw.pause())
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			source.Failed(ctx, err)
		}
		if data != nil && sum != seen {
			seen, proposed = sum, view(data) // nothing changes it
			waiting.drop()
			waiting, err = gw.propose(proposed, sum)
			from.refused = err != nil
			switch {
			case err != nil:
				gw.logger.Error("the new supergraph is invalid; keeping the current one", "supergraph", hex.EncodeToString(sum[:8]), from.config.Remote.Kind(), from.name(), "error", err)
				source.Record(err)
			case waiting == nil:
				gw.keep(from, proposed)
			}
		}
		waiting.check(ctx)
		if waiting == nil && !from.refused && from.failing == nil { // it may have been unreadable before
			source.Succeeded(ctx)
		}
	}
}
