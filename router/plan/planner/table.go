package planner

import "souk/internal/slab"

// A table maps keys to values. Most tables have a few entries, which are compared one after another.
// A long one has a map.
type table[K comparable, V any] struct {
	entries []tableEntry[K, V]
	index   map[K]V
}

type tableEntry[K comparable, V any] struct {
	key   K
	value V
}

// maxEntries is the length of tables without a map.
const maxEntries = 16

func (t *table[K, V]) get(key K) (value V, ok bool) {
	if t.index != nil {
		value, ok = t.index[key]
		return value, ok
	}
	for i := range t.entries {
		if t.entries[i].key == key {
			return t.entries[i].value, true
		}
	}
	return value, false
}

// put adds a key that the table does not have.
func (t *table[K, V]) put(memory *slab.Slab[tableEntry[K, V]], key K, value V) {
	if t.index == nil && len(t.entries) < maxEntries {
		t.entries = memory.Append(t.entries, tableEntry[K, V]{key, value})
		return
	}
	if t.index == nil {
		t.index = make(map[K]V, 2*maxEntries)
		for _, e := range t.entries {
			t.index[e.key] = e.value
		}
	}
	t.index[key] = value
}
