package cache

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"souk/router/execute"
)

// A refill is the fetch of a missing value that other requests wait for. Across routers, a lease
// in Redis stands for it: the first one to create it fetches the value, and the others wait
// until they find the value, at most for Options.RefillWait. The lease ends with the refill, or
// else after the same time, so that a router that fails delays nobody for longer. In a router,
// only one request asks Redis, and the others wait for it.
type refill struct {
	// key is the key of the value with its stamp. After an invalidation, the stamp and so the
	// refill is another one: nobody waits for an outdated value.
	key   string
	began time.Time
	// token is the value of the lease, or empty if the router has none: another router fetches
	// the value, or Redis is not available.
	token string
	// expires is when a lease that could not be ended has expired in any case. Only the writer
	// uses it.
	expires time.Time
	once    sync.Once
	ended   chan struct{}
}

func (f *refill) end() { f.once.Do(func() { close(f.ended) }) }

// refills are the refills that requests of this router wait for, by key.
type refills struct {
	mu      sync.Mutex
	running map[string]*refill
}

// noValue replaces the token of a lease if the refill has no value that can be stored. Nobody
// waits as long as it is there: otherwise, requests for such a value would follow one another.
const noValue = "-"

// The pauses between two readings of a value that another router fetches.
const (
	minPause = 5 * time.Millisecond
	maxPause = 50 * time.Millisecond
)

func (it *item) refillKey() string {
	return string(binary.LittleEndian.AppendUint64(it.key[:len(it.key):len(it.key)], it.stamp))
}

// share decides which of the missing items this request has to fetch, and waits for the others.
// It returns the time from which on their values are fetched.
func (c *Cache) share(ctx context.Context, now time.Time, missing []item, lookups []*execute.CacheLookup) ([]item, time.Time) {
	if len(missing) > 0 {
		missing, now = c.await(ctx, missing), c.options.Now()
	}
	for _, l := range lookups {
		if l.Refresh != nil {
			c.claimRefreshes(ctx, l)
		}
	}
	return missing, now
}

// await waits for missing values that others fetch. It returns the items that this request has
// to fetch.
func (c *Cache) await(ctx context.Context, items []item) []item {
	bounded, cancel := context.WithTimeout(ctx, c.options.RefillWait)
	defer cancel()
	metrics := &c.options.Metrics.EntityCache.Waits
	var waiting bool
	began := time.Now()
	ended := func(result string) {
		if waiting {
			metrics.Waiting.Dec()
			metrics.Ended(result).Observe(time.Since(began).Seconds())
		}
	}
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		other, result := c.claim(bounded, items)
		if result == "taken" {
			// The value may have been stored since it was read, just before the lease of
			// the other router ended.
			if items = c.again(ctx, items); len(items) == 0 {
				result = "filled"
			}
		}
		if result != "" {
			ended(result)
			return items
		}
		if !waiting {
			waiting = true
			metrics.Waiting.Inc()
		}
		if !c.pause(bounded, other, pause) {
			result := "timeout"
			if ctx.Err() != nil {
				result = "canceled"
			}
			ended(result)
			return items
		}
		if items = c.again(ctx, items); len(items) == 0 {
			ended("filled")
			return nil
		}
	}
}

// pause waits until another request has ended a refill or, without one, for a time. It returns
// false if ctx is done first.
func (c *Cache) pause(ctx context.Context, other *refill, d time.Duration) bool {
	var timer <-chan time.Time
	var ended <-chan struct{}
	if other == nil {
		t := time.NewTimer(d)
		defer t.Stop()
		timer = t.C
	} else {
		ended = other.ended
	}
	select {
	case <-ctx.Done():
		return false
	case <-timer:
	case <-ended:
	}
	return true
}

// claim decides whether this request fetches the items, with the result of a wait. A request that
// has to fetch one of them fetches all, so that two requests never wait for each other. Without a
// result it waits: for another request of this router, or for other routers if that is nil.
func (c *Cache) claim(ctx context.Context, items []item) (other *refill, result string) {
	for i := range items {
		if items[i].stamp == 0 || items[i].found != nil {
			return nil, "unavailable" // the value cannot be stored, or is compared
		}
	}
	own, other := c.refills.join(items, c.options.Now(), c.options.RefillWait)
	if len(own) == 0 {
		return other, ""
	}
	acquired, err := c.store.acquire(ctx, own, c.options.RefillWait)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, "" // pause says why
	case err != nil:
		return nil, "unavailable"
	case acquired.leases > 0:
		return nil, "taken"
	case acquired.noValue > 0:
		return nil, "no_value"
	}
	return nil, ""
}

// join makes the request responsible for the refills of its items that no other request of this
// router is responsible for, and returns them, or else one of the others. Those that take longer
// than a time are replaced.
func (r *refills) join(items []item, now time.Time, longest time.Duration) (own []*refill, other *refill) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running == nil {
		r.running = map[string]*refill{}
	}
	for i := range items {
		it := &items[i]
		key := it.refillKey()
		if it.refill != nil && it.refill.key == key {
			own = append(own, it.refill)
			continue
		}
		r.leave(it.refill)
		it.refill = nil
		if running := r.running[key]; running != nil && now.Sub(running.began) < longest {
			other = running
			continue
		}
		it.refill = &refill{key: key, began: now, ended: make(chan struct{})}
		r.running[key] = it.refill
		own = append(own, it.refill)
	}
	return own, other
}

// end ends a refill, which may be nil.
func (r *refills) end(f *refill) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leave(f)
}

func (r *refills) leave(f *refill) {
	if f == nil {
		return
	}
	if r.running[f.key] == f {
		delete(r.running, f.key)
	}
	f.end()
}

// again looks items up once more, and ends the refills of those that it finds.
func (c *Cache) again(ctx context.Context, items []item) []item {
	own := make(map[*refill]bool, len(items))
	now := c.options.Now()
	scratch := scratches.Get().(*[]byte)
	defer scratches.Put(scratch)
	var missing []item
	for i := range items {
		it := &items[i]
		if it.refill != nil {
			own[it.refill] = true
		}
		it.again = true
		it.sample(c, scratch)
		if !c.takeLocal(it, now) {
			missing = append(missing, *it)
		}
	}
	if len(missing) > 0 {
		missing = c.fromRedis(ctx, now, missing)
	}
	for i := range missing {
		delete(own, missing[i].refill)
	}
	for f := range own {
		if f.token == "" {
			c.refills.end(f)
			continue
		}
		c.enqueue([]write{{refill: f, found: true}})
	}
	return missing
}

// claimRefreshes drops the refreshes that another router has begun, or has ended since the expired
// values were read.
func (c *Cache) claimRefreshes(ctx context.Context, l *execute.CacheLookup) {
	state := l.Refresh.State.(*pending)
	own := make([]*refill, len(state.items))
	for i := range state.items {
		own[i] = &refill{key: state.items[i].refillKey(), ended: make(chan struct{})}
		state.items[i].refill = own[i]
	}
	acquired, err := c.store.acquire(ctx, own, c.options.RefillWait)
	done := l.Refresh.Done
	l.Refresh.Done = func() { c.release(state.items); done() }
	if err != nil || acquired.noValue > 0 {
		return
	}
	var refreshed []bool
	if acquired.leases > 0 {
		refreshed = c.refreshed(ctx, l, state.items)
	}
	kept, indices := state.items[:0], l.Refresh.Indices[:0]
	c.refreshes.mu.Lock()
	for i, it := range state.items {
		if own[i].token != "" && (refreshed == nil || !refreshed[i]) {
			kept, indices = append(kept, it), append(indices, it.index)
			continue
		}
		delete(c.refreshes.keys, it.key)
		if own[i].token != "" {
			c.enqueue([]write{{refill: own[i], found: true}})
		}
	}
	c.refreshes.mu.Unlock()
	state.items, l.Refresh.Indices = kept, indices
	if len(kept) == 0 {
		l.Refresh.Done()
		l.Refresh = nil
	}
}

// refreshed reports which expired values have been replaced in Redis. It returns nil if Redis
// cannot be read.
func (c *Cache) refreshed(ctx context.Context, l *execute.CacheLookup, expired []item) []bool {
	items := slices.Clone(expired)
	for i := range items {
		items[i].lookup = l
	}
	r, err := c.read(ctx, items)
	if err != nil {
		return nil
	}
	now := c.options.Now()
	replaced := make([]bool, len(items))
	for i := range items {
		items[i].stamp = r.stamp(&items[i])
		for n, raw := range r.values(i) {
			v, err := decodeValue(items[i].storedKey(n), []byte(raw))
			if err == nil && r.current(&items[i], &v) && v.age(now) < v.ttl {
				replaced[i] = true
			}
		}
	}
	return replaced
}

// release ends the refills of items whose values have not been stored.
func (c *Cache) release(items []item) {
	var writes []write
	for i := range items {
		if f := items[i].refill; f != nil {
			items[i].refill = nil
			if f.token == "" {
				c.refills.end(f)
				continue
			}
			writes = append(writes, write{refill: f})
		}
	}
	if len(writes) > 0 {
		c.enqueue(writes)
	}
}

// enqueue queues writes. If the queue is full, requests of this router do not wait for them any
// longer, and those of others until the leases end.
func (c *Cache) enqueue(writes []write) {
	if !c.store.enqueue(writes) {
		c.endRefills(writes)
	}
}

func (c *Cache) endRefills(writes []write) {
	for i := range writes {
		c.refills.end(writes[i].refill)
	}
}
