// Package bytecache is a cache bounded by the memory that its values take.
//
// Clients decide how large the values are that they make a process keep, so a
// bound on their number bounds nothing. Every value is put with its weight in
// bytes; package heapsize estimates it. A look-up takes a shared lock, allocates
// nothing and costs the same however much is kept, since the path to it is that
// of every request. The CLOCK algorithm says what to evict: its hand passes over
// what was used since it last came by.
package bytecache

import (
	"sync"
	"sync/atomic"
)

// A Cache holds values by key. It is safe for concurrent use.
type Cache[K comparable, V any] struct {
	mu      sync.RWMutex
	entries map[K]*entry[K, V]
	ring    []*entry[K, V]
	hand    int
	bytes   int
	limit   int
	observe Observer
}

// An Observer is told what happens to a cache, under its lock; any function may
// be nil.
type Observer struct {
	// Changed is told by how much the number of entries and their weight in
	// bytes have changed.
	Changed func(entries, bytes int)
	Evicted func()
}

type entry[K comparable, V any] struct {
	key    K
	value  V
	weight int
	at     int // its place in the ring
	// uses counts look-ups; idle says that there was none since the hand
	// passed, or at all.
	uses atomic.Uint64
	idle atomic.Bool
}

// entryOverhead is what an entry costs besides its key and value.
const entryOverhead = 160

// MaxShare is the part of a cache, 1/MaxShare, that one value may take. A larger
// one is not kept: it would evict too much of what others use.
const MaxShare = 8

// New makes a cache of at most limit bytes.
func New[K comparable, V any](limit int, o Observer) *Cache[K, V] {
	return &Cache[K, V]{entries: map[K]*entry[K, V]{}, limit: limit, observe: o}
}

// Get finds the value of a key.
func (c *Cache[K, V]) Get(key K) (value V, ok bool) {
	c.mu.RLock()
	e := c.entries[key]
	c.mu.RUnlock()
	if e == nil {
		return value, false
	}
	e.uses.Add(1)
	if e.idle.Load() {
		e.idle.Store(false)
	}
	return e.value, true
}

// Put keeps a value of a weight in bytes, the key's among it, unless there is
// one for the key already, and returns the one for the key. A value that is too
// heavy is returned but not kept.
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
	e := &entry[K, V]{key: key, value: value, weight: weight, at: len(c.ring)}
	e.idle.Store(true) // what is asked for once does not evict what is in use
	c.makeRoom(weight, nil)
	e.at = len(c.ring)
	c.entries[key] = e
	c.ring = append(c.ring, e)
	c.change(1, weight)
	return value
}

// Reweigh changes the weight of a key's value, which may grow while it is kept.
// One that has become too heavy is evicted.
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

// makeRoom evicts until there is room for more bytes, but never keep.
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

// evict fills the gap in the ring with the last entry.
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

// Clear removes everything, which does not count as eviction.
func (c *Cache[K, V]) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.change(-len(c.entries), -c.bytes)
	clear(c.entries)
	clear(c.ring)
	c.ring, c.hand = c.ring[:0], 0
}

// Len is the number of values.
func (c *Cache[K, V]) Len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.entries)
}

// Bytes is the weight of all values.
func (c *Cache[K, V]) Bytes() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.bytes
}

// Used visits all values with how often they were looked up.
func (c *Cache[K, V]) Used(visit func(key K, value V, uses uint64)) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for key, e := range c.entries {
		visit(key, e.value, e.uses.Load())
	}
}
