package gateway

import (
	"sync"
	"sync/atomic"

	"souk/router/telemetry"
)

// A cache holds a bounded number of values by text. A look-up takes a shared
// lock and allocates nothing; which value has to go is told by the CLOCK
// algorithm: the hand passes over what was used since it last came by.
type cache[V any] struct {
	mu      sync.RWMutex
	entries map[string]*cached[V]
	ring    []*cached[V]
	hand    int
	size    int
	metrics *telemetry.Cache
}

type cached[V any] struct {
	key   string
	value V
	// uses counts look-ups; idle says that there was none since the hand
	// passed, or at all.
	uses atomic.Uint64
	idle atomic.Bool
}

// newCache makes a cache; what comes and goes is counted in m, unless that is
// nil.
func newCache[V any](size int, m *telemetry.Cache) *cache[V] {
	return &cache[V]{entries: map[string]*cached[V]{}, size: max(size, 1), metrics: m}
}

// get finds the value of a key.
func (c *cache[V]) get(key []byte) (value V, ok bool) {
	c.mu.RLock()
	e := c.entries[string(key)]
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

// put keeps a value, unless there is one already, and gives the one kept.
func (c *cache[V]) put(key string, value V) V {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[key]; e != nil {
		return e.value
	}
	e := &cached[V]{key: key, value: value}
	e.idle.Store(true) // what is asked for once does not drive out what is in use
	c.entries[key] = e
	if len(c.ring) < c.size {
		c.ring = append(c.ring, e)
		if c.metrics != nil {
			c.metrics.Entries.Inc()
		}
		return value
	}
	if c.metrics != nil {
		c.metrics.Evictions.Inc()
	}
	for !c.ring[c.hand].idle.Swap(true) {
		c.hand = (c.hand + 1) % len(c.ring)
	}
	delete(c.entries, c.ring[c.hand].key)
	c.ring[c.hand] = e
	c.hand = (c.hand + 1) % len(c.ring)
	return value
}

// giveUp takes the entries out of the count.
func (c *cache[V]) giveUp() {
	if c.metrics != nil {
		c.metrics.Entries.Sub(float64(c.len()))
	}
}

// len says how many values there are.
func (c *cache[V]) len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.entries)
}

// used gives all keys and values with how often they were looked up.
func (c *cache[V]) used(visit func(key string, value V, uses uint64)) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for key, e := range c.entries {
		visit(key, e.value, e.uses.Load())
	}
}
