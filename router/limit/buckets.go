package limit

import (
	"crypto/sha256"
	"sync"
	"time"
)

// buckets is the rate limit counted in this process.
type buckets struct {
	shards [16]bucketShard
}

type bucketShard struct {
	mu sync.Mutex
	// until maps a caller to the theoretical arrival time of GCRA: the time
	// until which its past requests occupy the bucket.
	until map[bucketKey]time.Time
}

// A bucketKey is a hash of the caller's name. The name can be a header value of
// any length.
type bucketKey [16]byte

// maxBuckets bounds the callers in one shard. All shards take about 10 MB.
const maxBuckets = 8192

func newBuckets() *buckets {
	b := &buckets{}
	for i := range b.shards {
		b.shards[i].until = map[bucketKey]time.Time{}
	}
	return b
}

// take counts a request, which occupies the bucket for emission. It returns how
// long the bucket is occupied from now on and, for a rejected request, how long
// to wait.
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

// makeRoom removes callers whose buckets are empty. If the shard stays more than
// three quarters full, it removes arbitrary callers, whose limit starts anew.
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
