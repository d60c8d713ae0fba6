package limit

import (
	"hash/maphash"
	"sync"
	"time"
)

// buckets count in the process.
type buckets struct {
	seed   maphash.Seed
	shards [16]bucketShard
}

type bucketShard struct {
	mu sync.Mutex
	// until is the time up to which a caller's requests take up its bucket.
	until map[string]time.Time
}

// maxBuckets bounds the callers remembered in a shard.
const maxBuckets = 8192

func newBuckets() *buckets {
	b := &buckets{seed: maphash.MakeSeed()}
	for i := range b.shards {
		b.shards[i].until = map[string]time.Time{}
	}
	return b
}

// take counts a request that takes up its bucket for emission. It gives for
// how long the bucket is taken up, and how long a refused request has to wait.
func (b *buckets) take(caller string, now time.Time, emission, interval time.Duration) (taken, wait time.Duration) {
	s := &b.shards[maphash.String(b.seed, caller)%uint64(len(b.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	until, known := s.until[caller]
	if until.Before(now) {
		until = now
	}
	if wait = until.Add(emission - interval).Sub(now); wait > 0 {
		return until.Sub(now), wait
	}
	if !known && len(s.until) >= maxBuckets {
		s.makeRoom(now)
	}
	until = until.Add(emission)
	s.until[caller] = until
	return until.Sub(now), 0
}

// makeRoom forgets callers whose buckets are free again, and any others if that
// does not help.
func (s *bucketShard) makeRoom(now time.Time) {
	for caller, until := range s.until {
		if !until.After(now) {
			delete(s.until, caller)
		}
	}
	for caller := range s.until {
		if len(s.until) < maxBuckets*3/4 {
			return
		}
		delete(s.until, caller)
	}
}
