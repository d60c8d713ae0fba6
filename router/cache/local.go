package cache

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// versionSlots is the size of the table of local versions. Tags that share a slot are
// invalidated together, which only costs misses.
const versionSlots = 1 << 14

// versions are the local versions of tags: counters that only grow. So the sum of
// several versions changes when any of them does.
type versions [versionSlots]atomic.Uint64

func (v *versions) bump(tag string) { v[slotString(tag)].Add(1) }

// sum returns the sum of the versions of slots.
func (v *versions) sum(slots []uint32) uint64 {
	var sum uint64
	for _, s := range slots {
		sum += v[s].Load()
	}
	return sum
}

func (v *versions) bumpAll() {
	for i := range v {
		v[i].Add(1)
	}
}

const localShards = 16

// local is the in-process layer. Values are dropped when they expire, when a version
// changes, or, if the layer is full, oldest first.
type local struct {
	ttl    time.Duration
	shards [localShards]localShard
}

type localShard struct {
	mu      sync.Mutex
	entries map[digest]*localEntry
	queue   []*localEntry // by age; includes replaced entries
	bytes   int64
	limit   int64
	gauge   prometheus.Gauge
}

type localEntry struct {
	key     digest
	json    []byte
	private bool
	stated  bool
	stamp   uint64 // sum of the versions of its tags before it was fetched
	// extra are the slots of the cache tags that its response told, and extraStamp the sum of
	// their versions.
	extra      []uint32
	extraStamp uint64
	until      time.Time // end of its time in the layer
	expires    time.Time // end of the lifetime of the value
}

// entryOverhead is the approximate memory of an entry besides its JSON, in bytes.
const entryOverhead = 200

func newLocal(bytes int64, ttl time.Duration, gauge prometheus.Gauge) *local {
	if bytes < 0 {
		return nil
	}
	l := &local{ttl: ttl}
	for i := range l.shards {
		l.shards[i] = localShard{entries: map[digest]*localEntry{}, limit: bytes / localShards, gauge: gauge}
	}
	return l
}

// get returns the entry of a key if it has not expired and has this stamp. A nil layer is
// empty.
func (l *local) get(key digest, stamp uint64, now time.Time) *localEntry {
	if l == nil {
		return nil
	}
	s := &l.shards[key[0]%localShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[key]
	if e == nil || e.stamp != stamp || !now.Before(e.until) {
		return nil
	}
	return e
}

// put adds an entry. Its JSON must not change afterwards. fresh is a time at which the
// value was certainly fresh, before it was fetched.
func (l *local) put(e *localEntry, fresh, now time.Time) {
	if l == nil {
		return
	}
	e.until = fresh.Add(l.ttl)
	if e.expires.Before(e.until) {
		e.until = e.expires
	}
	if !now.Before(e.until) {
		return
	}
	s := &l.shards[e.key[0]%localShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.bytes
	s.entries[e.key] = e
	s.queue = append(s.queue, e)
	s.bytes += e.size()
	for len(s.queue) > 0 && (s.bytes > s.limit || !now.Before(s.queue[0].until)) {
		s.drop()
	}
	s.gauge.Add(float64(s.bytes - before))
}

// drop removes the oldest entry.
func (s *localShard) drop() {
	e := s.queue[0]
	s.queue[0] = nil
	s.queue = s.queue[1:]
	s.bytes -= e.size()
	if s.entries[e.key] == e {
		delete(s.entries, e.key)
	}
}

func (e *localEntry) size() int64 { return int64(len(e.json)+4*len(e.extra)) + entryOverhead }
