package record

import (
	"hash/maphash"
	"time"
)

// An entry is what a table has for a key.
type entry[V any] struct {
	series
	value V
	index int // unique among the entries, from 0
}

// A table has series of a bounded number of keys. When it is full, a new key replaces the one
// that was not used for the longest time, but only when it occurs for the second time:
// clients that send every key once cannot push out those in use. Everything else is counted
// in other.
type table[K comparable, V any] struct {
	most    int
	entries map[K]*entry[V]
	free    []int // indices
	other   series
	seed    maphash.Seed
	// seen has a part of the hashes of keys that were new while the table was full.
	seen [1024]uint32
	// removed is called with the index of a key that is replaced. It may be nil.
	removed func(index int)
}

func newTable[K comparable, V any](most int) *table[K, V] {
	t := &table[K, V]{most: most, entries: map[K]*entry[V]{}, seed: maphash.MakeSeed()}
	for i := most - 1; i >= 0; i-- {
		t.free = append(t.free, i)
	}
	return t
}

// get returns the entry of a key, or nil if the key is one of the others. first makes the
// key to keep and its value for a new entry.
func (t *table[K, V]) get(key K, first func() (K, V)) *entry[V] {
	if e := t.entries[key]; e != nil {
		return e
	}
	if len(t.free) == 0 {
		if !t.again(key) {
			return nil
		}
		t.evict()
	}
	kept, value := first()
	last := len(t.free) - 1
	e := &entry[V]{value: value, index: t.free[last]}
	t.free = t.free[:last]
	t.entries[kept] = e
	return e
}

// again reports whether a key was seen recently.
func (t *table[K, V]) again(key K) bool {
	hash := maphash.Comparable(t.seed, key)
	at, mark := hash%uint64(len(t.seen)), uint32(hash>>32)|1
	if t.seen[at] == mark {
		t.seen[at] = 0
		return true
	}
	t.seen[at] = mark
	return false
}

// evict removes the entry that was not used for the longest time and counts it in other.
func (t *table[K, V]) evict() {
	var oldest K
	var e *entry[V]
	for key, one := range t.entries {
		if e == nil || one.last.Before(e.last) {
			oldest, e = key, one
		}
	}
	delete(t.entries, oldest)
	t.other.fold(&e.series)
	t.free = append(t.free, e.index)
	if t.removed != nil {
		t.removed(e.index)
	}
}

// fold adds the statistics of another series.
func (s *series) fold(from *series) {
	to := s.levels()
	for i, l := range from.levels() {
		for j := range l.slots {
			into, one := &to[i].slots[j], &l.slots[j]
			switch {
			case one.at == into.at:
				into.merge(one)
			case one.at > into.at:
				*into = *one
			}
		}
	}
}

// count adds to an entry, or to the others if it is nil.
func (t *table[K, V]) count(e *entry[V], now time.Time, c count) {
	if e == nil {
		t.other.add(now, c)
		return
	}
	e.add(now, c)
}
