package bytecache_test

import (
	"fmt"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"souk/internal/bytecache"
)

func TestUsedValuesAreNotEvicted(t *testing.T) {
	c := bytecache.New[string, int](100_000, bytecache.Observer{})
	c.Put("used", 1, 1000)
	for i := range 1000 {
		c.Put(fmt.Sprint(i), i, 1000)
		if _, ok := c.Get("used"); !ok {
			t.Fatalf("evicted after %d other values although it was always in use", i)
		}
	}
}

func TestLargeValuesAreReturnedButNotCached(t *testing.T) {
	c := bytecache.New[string, int](100_000, bytecache.Observer{})
	if got := c.Put("heavy", 7, 50_000); got != 7 || c.Len() != 0 {
		t.Errorf("got %d, %d values cached", got, c.Len())
	}
	c.Put("light", 8, 100)
	c.Reweigh("light", 50_000)
	if c.Len() != 0 || c.Bytes() != 0 {
		t.Errorf("%d values with %d bytes cached after one grew too large", c.Len(), c.Bytes())
	}
}

// TestLimitIsNeverExceeded checks, for random operations, that the weight stays within
// the limit and that the observer's counts match the cache.
func TestLimitIsNeverExceeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(0, 20_000).Draw(t, "limit")
		entries, bytes := 0, 0
		c := bytecache.New[int, int](limit, bytecache.Observer{Changed: func(e, b int) { entries += e; bytes += b }})
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			key, weight := rapid.IntRange(0, 30).Draw(t, "key"), rapid.IntRange(0, 3000).Draw(t, "weight")
			switch rapid.IntRange(0, 2).Draw(t, "step") {
			case 0:
				c.Put(key, key, weight)
			case 1:
				c.Reweigh(key, weight)
			case 2:
				if v, ok := c.Get(key); ok && v != key {
					t.Fatalf("key %d has the value %d", key, v)
				}
			}
			if c.Bytes() > limit || c.Bytes() != bytes || c.Len() != entries {
				t.Fatalf("%d bytes (limit %d) in %d entries; the observer counted %d bytes in %d entries", c.Bytes(), limit, c.Len(), bytes, entries)
			}
		}
		if c.Clear(); bytes != 0 || entries != 0 || c.Bytes() != 0 {
			t.Fatalf("the observer counts %d bytes in %d entries after Clear", bytes, entries)
		}
	})
}

// Lookups, additions and evictions at the same time leave a cache whose bytes are those of its
// entries.
func TestConcurrentUseKeepsTheBound(t *testing.T) {
	const limit = 20_000
	var entries, bytes int // changed while the cache is locked
	c := bytecache.New[string, int](limit, bytecache.Observer{Changed: func(n, b int) { entries, bytes = entries+n, bytes+b }})
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 500 {
				key := fmt.Sprint((i*7 + worker) % 50)
				if v, ok := c.Get(key); ok && fmt.Sprint(v) != key {
					t.Errorf("the key %s has the value %d", key, v)
				}
				c.Put(key, (i*7+worker)%50, 1000)
			}
		})
	}
	all.Wait()
	found := 0
	c.Used(func(string, int, uint64) { found++ })
	if found != entries || found == 0 || bytes > limit {
		t.Errorf("%d entries, of which the observer knows %d with %d bytes of at most %d", found, entries, bytes, limit)
	}
}

// BenchmarkParallelGet measures lookups of one key; run it with -cpu 1,2,4.
func BenchmarkParallelGet(b *testing.B) {
	c := bytecache.New[string, int](1<<20, bytecache.Observer{})
	c.Put("key", 1, 100)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			c.Get("key")
		}
	})
}
