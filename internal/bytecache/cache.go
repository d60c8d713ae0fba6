// Package bytecache is a cache that is bounded by the memory of its values.
//
// Clients determine the size of the values that a process caches, so a bound on the
// number of values is not enough. Each value has a weight in bytes, which package
// heapsize estimates. A lookup takes a shared lock, does not allocate and costs the
// same whatever the size of the cache, because every request does lookups (lock.go). CLOCK
// (cache.go) selects the entries to evict: a hand moves around the entries and evicts those
// that have not been used since it last passed. That approximates LRU without a list
// to update on every lookup. A cache for keys that may never come back refuses them at first, once
// it is full (ghosts.go).
package bytecache

import (
	"hash/maphash"
	"sync/atomic"
)

// A Cache maps keys to values. It is safe for concurrent use.
type Cache[K comparable, V any] struct {
	mu      sharedLock
	entries map[K]*entry[K, V]
	ring    []*entry[K, V]
	hand    int
	bytes   int
	limit   int
	observe Observer
	ghosts  *ghostList // nil if every value is kept
}

// An Observer is notified of changes to a cache while the cache is locked. Its
// functions may be nil.
type Observer struct {
	// Changed receives the changes of the number of entries and of their
	// weight in bytes.
	Changed func(entries, bytes int)
	// Evicted is called for each value that is evicted, or refused, for lack of room.
	Evicted func()
}

type entry[K comparable, V any] struct {
	key    K
	value  V
	weight int
	at     int // index in the ring
	// uses counts lookups. idle is set if there has been no lookup since the
	// hand last passed or since the entry was added.
	uses atomic.Uint64
	idle atomic.Bool
}

// entryOverhead is the memory of an entry besides its key and value, in bytes.
const entryOverhead = 160

// MaxShare bounds the size of a single value to 1/MaxShare of the cache. A larger
// value is not cached, because it would evict too many others.
const MaxShare = 8

// New returns a cache of at most limit bytes.
func New[K comparable, V any](limit int, o Observer) *Cache[K, V] {
	return &Cache[K, V]{entries: map[K]*entry[K, V]{}, limit: limit, observe: o}
}

// Get returns the value of a key.
func (c *Cache[K, V]) Get(key K) (value V, ok bool) {
	reading := c.mu.read()
	e := c.entries[key]
	reading.RUnlock()
	if e == nil {
		return value, false
	}
	e.uses.Add(1)
	if e.idle.Load() {
		e.idle.Store(false)
	}
	return e.value, true
}

// Put adds a value unless the key already has one, and returns the value of the key.
// The weight is the size of the key and the value in bytes. A value that is too large
// is returned but not cached, and so is one that a selective cache refuses.
func (c *Cache[K, V]) Put(key K, value V, weight int) V {
	weight += entryOverhead
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[key]; e != nil {
		return e.value
	}
	if weight > c.limit/MaxShare {
		return value
	}
	chosen := c.ghosts != nil && c.bytes+weight > c.limit
	if chosen && !c.ghosts.admits(maphash.Comparable(c.ghosts.seed, key), len(c.ring)) {
		if c.observe.Evicted != nil {
			c.observe.Evicted()
		}
		return value
	}
	e := &entry[K, V]{key: key, value: value, weight: weight, at: len(c.ring)}
	e.idle.Store(!chosen) // a value used once must not evict values in use
	c.makeRoom(weight, nil)
	e.at = len(c.ring)
	c.entries[key] = e
	c.ring = append(c.ring, e)
	c.change(1, weight)
	return value
}

// Fits reports whether a value of a weight is not too large.
func (c *Cache[K, V]) Fits(weight int) bool { return weight+entryOverhead <= c.limit/MaxShare }

// Reweigh changes the weight of a key's value, which may have grown. If it has become
// too large, it is evicted.
func (c *Cache[K, V]) Reweigh(key K, weight int) {
	weight += entryOverhead
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[key]
	if e == nil {
		return
	}
	if weight > c.limit/MaxShare {
		c.evict(e)
		return
	}
	c.makeRoom(weight-e.weight, e)
	c.change(0, weight-e.weight)
	e.weight = weight
}

// makeRoom evicts entries other than keep until there is room for more bytes.
func (c *Cache[K, V]) makeRoom(more int, keep *entry[K, V]) {
	for c.bytes+more > c.limit && len(c.ring) > 0 {
		if c.hand >= len(c.ring) {
			c.hand = 0
		}
		e := c.ring[c.hand]
		if e == keep || !e.idle.Swap(true) {
			if len(c.ring) == 1 && e == keep {
				return
			}
			c.hand++
			continue
		}
		c.evict(e)
	}
}

// evict removes an entry and moves the last entry into its place in the ring.
func (c *Cache[K, V]) evict(e *entry[K, V]) {
	last := c.ring[len(c.ring)-1]
	c.ring[e.at], last.at = last, e.at
	c.ring[len(c.ring)-1] = nil
	c.ring = c.ring[:len(c.ring)-1]
	delete(c.entries, e.key)
	c.change(-1, -e.weight)
	if c.observe.Evicted != nil {
		c.observe.Evicted()
	}
}

func (c *Cache[K, V]) change(entries, bytes int) {
	c.bytes += bytes
	if c.observe.Changed != nil {
		c.observe.Changed(entries, bytes)
	}
}

// Clear removes all values. This does not count as eviction.
func (c *Cache[K, V]) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.change(-len(c.entries), -c.bytes)
	clear(c.entries)
	clear(c.ring)
	c.ring, c.hand = c.ring[:0], 0
	if c.ghosts != nil {
		c.ghosts.clear()
	}
}

// Len returns the number of values.
func (c *Cache[K, V]) Len() int {
	defer c.mu.read().RUnlock()
	return len(c.entries)
}

// Bytes returns the total weight in bytes.
func (c *Cache[K, V]) Bytes() int {
	defer c.mu.read().RUnlock()
	return c.bytes
}

// Used visits all values with the number of their lookups.
func (c *Cache[K, V]) Used(visit func(key K, value V, uses uint64)) {
	defer c.mu.read().RUnlock()
	for key, e := range c.entries {
		visit(key, e.value, e.uses.Load())
	}
}
