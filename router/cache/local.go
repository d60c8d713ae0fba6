package cache

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// generationSlots is the size of the table of local generations. Two tags in
// one slot are invalidated together, which costs a miss.
const generationSlots = 1 << 14

// generations are the in-process generations of tags: counters that only grow,
// so the sum of several changes when any of them does.
type generations [generationSlots]atomic.Uint64

func (g *generations) bump(tag string) { g[slotString(tag)].Add(1) }

func (g *generations) bumpAll() {
	for i := range g {
		g[i].Add(1)
	}
}

const localShards = 16

// local is the in-process layer. Values leave it by age, by their generations,
// or oldest first when it is full.
type local struct {
	ttl    time.Duration
	shards [localShards]localShard
}

type localShard struct {
	mu      sync.Mutex
	entries map[digest]*localEntry
	queue   []*localEntry // by age; entries that were replaced stay until their turn
	bytes   int64
	limit   int64
	gauge   prometheus.Gauge
}

type localEntry struct {
	key     digest
	json    []byte
	private bool
	stamp   uint64    // the sum of its tags' generations before it was fetched
	until   time.Time // when it leaves the layer
	expires time.Time // when the value itself expires
}

// entryOverhead is roughly what an entry costs besides its JSON.
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

// get gives the entry of a key if it is fresh by time and generation. A nil
// layer has nothing.
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

// put keeps json, which must not change any more. The time is the one at which
// the value was certainly fresh: before it was fetched.
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

// drop lets the oldest entry go.
func (s *localShard) drop() {
	e := s.queue[0]
	s.queue[0] = nil
	s.queue = s.queue[1:]
	s.bytes -= e.size()
	if s.entries[e.key] == e {
		delete(s.entries, e.key)
	}
}

func (e *localEntry) size() int64 { return int64(len(e.json)) + entryOverhead }
