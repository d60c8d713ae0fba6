package record

import (
	"cmp"
	"hash/maphash"
	"slices"
	"time"
)

// An entry is what a table has for a key.
type entry[V any] struct {
	series
	value V
	index int // unique among the entries, from 0
	// credit is how often the key was seen before since, when it got its entry.
	credit uint64
	since  time.Time
}

// A table has series of a bounded number of keys: those that occur most. When it is full, a
// new key replaces the one with the lowest score if it has occurred more often than that.
// Clients that send new keys all the time cannot push out those in use. Everything else is
// counted in other.
type table[K comparable, V any] struct {
	most    int
	entries map[K]*entry[V]
	free    []int // indices
	other   series
	seed    maphash.Seed
	seen    sketch // of keys that were new while the table was full
	// ranked are the keys by their scores as of ranking, the highest first. Those that were
	// replaced since, and those that replaced them, are not among them.
	ranked  []ranked[K]
	ranking time.Time
	// removed is called with the index of a key that is replaced. It may be nil.
	removed func(index int)
}

// A ranked key has the score of a key.
type ranked[K comparable] struct {
	key   K
	score uint64
}

// rankEvery is how often the keys of a full table are ranked again.
const rankEvery = 10 * time.Second

func newTable[K comparable, V any](most int) *table[K, V] {
	t := &table[K, V]{most: most, entries: map[K]*entry[V]{}, seed: maphash.MakeSeed()}
	for i := most - 1; i >= 0; i-- {
		t.free = append(t.free, i)
	}
	return t
}

// get returns the entry of a key, or nil if the key is one of the others. first makes the
// key to keep and its value for a new entry.
func (t *table[K, V]) get(key K, now time.Time, first func() (K, V)) *entry[V] {
	if e := t.entries[key]; e != nil {
		return e
	}
	var seen uint64
	if len(t.free) == 0 {
		seen = t.seen.add(maphash.Comparable(t.seed, key))
		if !t.evict(seen, now) {
			return nil
		}
	}
	kept, value := first()
	last := len(t.free) - 1
	e := &entry[V]{value: value, index: t.free[last], credit: seen, since: now}
	t.free = t.free[:last]
	t.entries[kept] = e
	return e
}

// evict removes the entry with the lowest score and counts it in other. It does nothing and
// returns false if no score is below the number of times that a new key was seen, or if the
// key was seen only once.
func (t *table[K, V]) evict(seen uint64, now time.Time) bool {
	if seen < 2 {
		return false
	}
	if now.Sub(t.ranking) >= rankEvery {
		t.rank(now)
	}
	for last := len(t.ranked) - 1; last >= 0 && t.ranked[last].score < seen; last-- {
		key := t.ranked[last].key
		e := t.entries[key]
		t.ranked = t.ranked[:last]
		if e.score(now) >= seen {
			continue // it has been used since it was ranked
		}
		delete(t.entries, key)
		t.other.fold(&e.series)
		t.free = append(t.free, e.index)
		if t.removed != nil {
			t.removed(e.index)
		}
		return true
	}
	return false
}

// rank sorts the keys by their scores, those that were not used for the longest time last.
func (t *table[K, V]) rank(now time.Time) {
	t.ranking, t.ranked = now, t.ranked[:0]
	for key, e := range t.entries {
		t.ranked = append(t.ranked, ranked[K]{key, e.score(now)})
	}
	slices.SortFunc(t.ranked, func(a, b ranked[K]) int {
		return cmp.Or(cmp.Compare(b.score, a.score), t.entries[b.key].last.Compare(t.entries[a.key].last))
	})
}

// score is how often a key was used in 5 minutes: the last ones, or those of the last hour on
// average if that is more. What was seen of the key before it had an entry counts, too, so
// that it is not replaced before it has been counted for that time.
func (e *entry[V]) score(now time.Time) uint64 {
	score := max(e.recent(1, 5, now), e.recent(2, len(e.coarse), now)/12)
	if now.Sub(e.since) < 5*time.Minute {
		score += e.credit
	}
	return score
}

// recent returns the number of requests in the last slots of a level.
func (s *series) recent(level, n int, now time.Time) (sum uint64) {
	last, slots := now.Unix()/stepLengths[level], s.level(level)
	for i := range slots {
		if one := &slots[i]; one.at <= last && one.at > last-int64(n) {
			sum += uint64(one.requests)
		}
	}
	return sum
}

// fold adds the statistics of another series.
func (s *series) fold(from *series) {
	for i := range stepLengths {
		to, slots := s.level(i), from.level(i)
		for j := range slots {
			into, one := &to[j], &slots[j]
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
