package bytecache

import "hash/maphash"

// A ghostList remembers the keys that a full cache has refused lately, by their hashes. It holds half
// as many as the cache has entries.
type ghostList struct {
	seed   maphash.Seed
	hashes map[uint64]struct{}
	order  []uint64 // a ring, the oldest at next once it is full
	next   int
}

// NewSelective returns a cache of at most limit bytes for keys that may never come back. While there is
// room, it keeps every value. Once it is full, it keeps a value only if its key has been refused
// lately, that is, when it is put for the second time. So a long series of new keys does not replace
// the values in use, and when more keys take turns than the cache holds, some of them are found instead
// of none. It is the list A1out of the algorithm 2Q (Johnson and Shasha, 1994).
func NewSelective[K comparable, V any](limit int, o Observer) *Cache[K, V] {
	c := New[K, V](limit, o)
	c.ghosts = &ghostList{seed: maphash.MakeSeed(), hashes: map[uint64]struct{}{}}
	return c
}

// admits reports whether a full cache of so many entries takes a key. If not, the key is remembered.
func (g *ghostList) admits(hash uint64, entries int) bool {
	if _, known := g.hashes[hash]; known {
		delete(g.hashes, hash) // its place in the ring is used again in turn
		return true
	}
	if most := entries/2 + 1; len(g.order) < most {
		g.order = append(g.order, hash)
	} else {
		g.next %= len(g.order)
		delete(g.hashes, g.order[g.next])
		g.order[g.next] = hash
		g.next++
	}
	g.hashes[hash] = struct{}{}
	return false
}

// clear forgets all keys.
func (g *ghostList) clear() {
	clear(g.hashes)
	g.order, g.next = g.order[:0], 0
}
