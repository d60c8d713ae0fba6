package limit

import (
	"crypto/sha256"
	"sync"
	"time"
)

// buckets count in the process.
type buckets struct {
	shards [16]bucketShard
}

type bucketShard struct {
	mu sync.Mutex
	// until is the time up to which a caller's requests take up its bucket.
	until map[bucketKey]time.Time
}

// A bucketKey is a hash of what tells a caller apart, which may be a header as
// long as the caller likes.
type bucketKey [16]byte

// maxBuckets bounds the callers remembered in a shard: about 10 MB in all.
const maxBuckets = 8192

func newBuckets() *buckets {
	b := &buckets{}
	for i := range b.shards {
		b.shards[i].until = map[bucketKey]time.Time{}
	}
	return b
}

// take counts a request that takes up its bucket for emission. It gives for
// how long the bucket is taken up, and how long a refused request has to wait.
func (b *buckets) take(name string, now time.Time, emission, interval time.Duration) (taken, wait time.Duration) {
	sum := sha256.Sum256([]byte(name))
	caller := bucketKey(sum[:16])
	s := &b.shards[caller[0]%uint8(len(b.shards))]
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
