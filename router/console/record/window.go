package record

import "time"

// The steps that statistics are kept in, so that short windows are exact and long ones take
// little memory.
const (
	fineStep   = 10  // seconds, for windows up to 5 minutes
	mediumStep = 60  // for windows up to 15 minutes
	coarseStep = 300 // for a window of 1 hour
)

// stepLengths has the lengths of the steps of each level of a levels.
var stepLengths = [...]int64{fineStep, mediumStep, coarseStep}

// A levels has a value for each step of the longest window of each step length, and for one
// step more.
type levels[T any] struct {
	fine   [300/fineStep + 1]T
	medium [900/mediumStep + 1]T
	coarse [Seconds/coarseStep + 1]T
}

// level returns the values of a step length, by its index in stepLengths. The value of a step
// is at its number since 1970, modulo the length.
func (l *levels[T]) level(i int) []T {
	switch i {
	case 0:
		return l.fine[:]
	case 1:
		return l.medium[:]
	}
	return l.coarse[:]
}

// A span is the time that the statistics of a window cover: all steps that overlap the window,
// so up to one step more. Statistics of every kind cover the same span.
type span struct {
	level       int   // index in stepLengths
	first, last int64 // numbers of steps since 1970
}

func spanOf(now time.Time, window time.Duration) span {
	s := span{}
	switch {
	case window > 15*time.Minute:
		s.level = 2
	case window > 5*time.Minute:
		s.level = 1
	}
	step := stepLengths[s.level]
	s.last = now.Unix() / step
	s.first = s.last - (int64(min(window, Seconds*time.Second).Seconds())+step-1)/step
	return s
}

// begin returns the beginning of the span in Unix time.
func (s span) begin() int64 { return s.first * stepLengths[s.level] }

// length returns the length of the span up to now, in seconds. since is when the recording
// began.
func (s span) length(now, since time.Time) float64 {
	begin := time.Unix(s.begin(), 0)
	if since.After(begin) {
		begin = since
	}
	return max(now.Sub(begin).Seconds(), 1)
}
