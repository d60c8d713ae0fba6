package remote

import (
	"errors"
	"math/rand/v2"
	"time"
)

const (
	// maxPause bounds the time between two attempts of a source that fails, unless the
	// interval is longer.
	maxPause = 5 * time.Minute
	// jitter is the part of a pause that is random, so that the replicas of a router do not
	// fetch at the same time.
	jitter = 0.2
)

// A Schedule says when to fetch again: after its interval or, while fetches fail, after a pause
// that doubles.
type Schedule struct {
	Interval time.Duration
	// Random returns numbers in [0, 1). Nil means math/rand/v2.
	Random func() float64

	failures int
}

// Next returns the pause after a fetch that ended with err.
func (s *Schedule) Next(err error) time.Duration {
	pause, most := s.Interval, max(s.Interval, maxPause)
	if err == nil {
		s.failures = 0
	} else {
		for range s.failures {
			if pause *= 2; pause >= most {
				pause = most
				break
			}
		}
		s.failures++
		if wait := (*later)(nil); errors.As(err, &wait) {
			pause = min(max(pause, wait.after), most)
		}
	}
	random := s.Random
	if random == nil {
		random = rand.Float64
	}
	return time.Duration(float64(pause) * (1 - jitter/2 + jitter*random()))
}
