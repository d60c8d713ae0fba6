package cache

import (
	"context"
	"sync"
	"time"

	"souk/router/execute"
)

// Expired values are kept in Redis for as long as they may be used. Their stamps are checked
// like those of others, so an invalidated value is not used whether it has expired or not.

// age returns how long a value has been stored. The clocks of routers differ: a value from the
// future is new.
func (v *value) age(now time.Time) time.Duration { return max(now.Sub(v.stored), 0) }

// usable reports whether a value may be used for a time after its lifetime.
func (v *value) usable(after time.Duration, now time.Time) bool {
	return after > 0 && !v.revalidate && v.age(now)-v.ttl < after
}

// staleness returns how long a value is kept in Redis after its lifetime.
func (p *policy) staleness(v *value) time.Duration {
	if v.revalidate {
		return 0
	}
	return max(p.staleIfError, p.staleWhileRevalidate)
}

// use makes an expired value the result of a lookup.
func (it *item) use(v value, now time.Time) {
	it.lookup.Found[it.index] = execute.Found{JSON: v.json, Private: v.private, Stated: v.stated, Age: max(v.age(now), 1)}
}

// Expired implements execute.EntityCache. It reads the values again, because they may have been
// invalidated since Lookup.
func (v *View) Expired(ctx context.Context, _ execute.Caller, lookups []*execute.CacheLookup) {
	c := v.cache
	var items []item
	for _, l := range lookups {
		if state, ok := l.State.(*pending); ok && c.store != nil {
			for i := range state.items {
				if state.items[i].policy.staleIfError > 0 {
					items = append(items, state.items[i])
				}
			}
		}
	}
	if len(items) == 0 {
		return
	}
	r, err := c.read(ctx, items)
	if err != nil {
		return
	}
	now := c.options.Now()
	for i := range items {
		it := &items[i]
		it.stamp = r.stamp(it)
		for n, raw := range r.values(i) {
			found, err := decodeValue(it.storedKey(n), []byte(raw))
			if err == nil && r.current(it, &found) && found.usable(it.policy.staleIfError, now) {
				it.typ.metrics.Expired.Inc()
				it.use(found, now)
				break
			}
		}
	}
}

// maxRefreshes bounds the lookups whose expired values are being fetched in the background.
const maxRefreshes = 32

// refreshes are the values that are being fetched in the background, at most one fetch for each
// key.
type refreshes struct {
	mu      sync.Mutex
	keys    map[digest]struct{}
	running int
}

// ask asks the executor to refresh an item, unless that is in progress or there are too many
// refreshes.
func (r *refreshes) ask(it *item, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := it.lookup
	if _, ok := r.keys[it.key]; ok || l.Refresh == nil && r.running >= maxRefreshes {
		return
	}
	if r.keys == nil {
		r.keys = map[digest]struct{}{}
	}
	r.keys[it.key] = struct{}{}
	if l.Refresh == nil {
		r.running++
		state := &pending{started: now, refresh: true}
		l.Refresh = &execute.CacheRefresh{State: state, Done: func() { r.done(state) }}
	}
	l.Refresh.Indices = append(l.Refresh.Indices, it.index)
	state := l.Refresh.State.(*pending)
	refreshed := *it
	refreshed.lookup = nil // it belongs to the request
	state.items = append(state.items, refreshed)
}

func (r *refreshes) done(p *pending) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running--
	for i := range p.items {
		delete(r.keys, p.items[i].key)
	}
}

// remove deletes the expired values of an item that must not be stored any more.
func (it *item) remove(writes []write) []write {
	writes = append(writes, write{key: string(it.key[:])})
	if it.hasPublic {
		writes = append(writes, write{key: string(it.public[:])})
	}
	return writes
}
