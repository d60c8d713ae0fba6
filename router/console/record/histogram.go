package record

import (
	"math/bits"
	"time"
)

// A histogram counts durations in log-linear buckets, as HDR histograms do: each power of
// two microseconds is divided into equal buckets. The width of a bucket is at most a quarter
// of its lower bound.
type histogram [buckets]uint32

const (
	subBits = 2 // 4 buckets for each power of two
	// minBits is the exponent of the first power that is divided: below 16 µs the buckets
	// are 4 µs wide.
	minBits = 4
	// maxBits is the exponent of the upper bound: 134 s. Longer durations count as that.
	maxBits = 27
	buckets = (maxBits-minBits+1)<<subBits + 1
)

func bucketOf(d time.Duration) int {
	us := uint64(max(d.Microseconds(), 0))
	if us < 1<<minBits {
		return int(us >> (minBits - subBits))
	}
	exponent := bits.Len64(us) - 1
	if exponent >= maxBits {
		return buckets - 1
	}
	part := us >> (exponent - subBits) & (1<<subBits - 1)
	return (exponent-minBits+1)<<subBits + int(part)
}

// lower returns the lower bound of a bucket in microseconds.
func lower(bucket int) float64 {
	if bucket < 1<<subBits {
		return float64(uint64(bucket) << (minBits - subBits))
	}
	exponent := bucket>>subBits - 1 + minBits
	part := uint64(bucket & (1<<subBits - 1))
	return float64((1<<subBits | part) << (exponent - subBits))
}

func (h *histogram) add(d time.Duration) { h[bucketOf(d)]++ }

func (h *histogram) merge(other *histogram) {
	for i, n := range other {
		h[i] += n
	}
}

// quantile returns the duration that a part q of all durations does not exceed, in seconds,
// interpolated within its bucket. It is 0 if there are none.
func (h *histogram) quantile(q float64) float64 {
	total := 0.0
	for _, n := range h {
		total += float64(n)
	}
	rank := q * total
	below := 0.0
	for i, n := range h {
		if n == 0 || below+float64(n) < rank {
			below += float64(n)
			continue
		}
		from, to := lower(i), lower(min(i+1, buckets-1))
		return (from + (to-from)*(rank-below)/float64(n)) / 1e6
	}
	return 0
}
