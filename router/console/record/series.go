package record

import "time"

// A slot has the statistics of one period.
type slot struct {
	at       int64 // number of the period since 1970; the slot is empty if it is not the one asked for
	requests uint32
	errors   uint32
	fetches  uint32
	// noData counts requests to a subgraph that had errors and no data.
	noData uint32
	// rejected counts operations that were rejected before they were known.
	rejected uint32
	// looked counts the entities and root fetches that the cache was asked for, found those
	// that it had.
	looked, found uint32
	// shared and refused count fetches that sent no request, retries requests that were sent
	// again. Only series of subgraphs have them.
	shared, refused, retries uint32
	// untimed counts the requests whose duration does not count: subscriptions.
	untimed   uint32
	total     time.Duration
	durations histogram
}

func (s *slot) add(c count) {
	s.shared += uint32(c.shared)
	s.refused += uint32(c.refused)
	s.retries += uint32(c.retries)
	if c.unsent {
		return
	}
	s.requests++
	if c.failed {
		s.errors++
	}
	if c.rejected {
		s.rejected++
	}
	if c.noData {
		s.noData++
	}
	s.fetches += uint32(c.fetches)
	s.looked += uint32(c.looked)
	s.found += uint32(c.found)
	if c.untimed {
		s.untimed++
		return
	}
	s.total += c.duration
	s.durations.add(c.duration)
}

func (s *slot) merge(other *slot) {
	s.requests += other.requests
	s.errors += other.errors
	s.noData += other.noData
	s.rejected += other.rejected
	s.fetches += other.fetches
	s.looked += other.looked
	s.found += other.found
	s.shared += other.shared
	s.refused += other.refused
	s.retries += other.retries
	s.untimed += other.untimed
	s.total += other.total
	s.durations.merge(&other.durations)
}

// A count is one event to count.
type count struct {
	duration                 time.Duration
	failed, untimed, noData  bool
	rejected                 bool
	fetches, looked, found   int
	unsent                   bool // it is no request
	shared, refused, retries int
}

// A series has statistics of the last hour.
type series struct {
	levels[slot]
	last time.Time
}

func (s *series) add(at time.Time, c count) {
	for i, step := range stepLengths {
		n, slots := at.Unix()/step, s.level(i)
		one := &slots[n%int64(len(slots))]
		if one.at > n { // the step is over for longer than it is kept
			continue
		}
		if one.at != n {
			*one = slot{at: n}
		}
		one.add(c)
	}
	if at.After(s.last) {
		s.last = at
	}
}

// Stats are statistics of a window of time.
type Stats struct {
	Requests, Errors uint64
	// NoData counts requests to a subgraph that had errors and no data.
	NoData uint64
	// Rejected counts operations that were rejected before they were known, as by a rate limit.
	Rejected uint64
	// covered is the length of the window that the statistics cover, in seconds.
	covered       float64
	Fetches       uint64
	Looked, Found uint64
	// Shared counts fetches that used the response of an identical request in flight, Refused
	// those that sent none because the router did not allow it, Retries requests that were
	// sent again.
	Shared, Refused, Retries uint64
	// Running counts operations in progress at the moment.
	Running int
	// Timed is the number of durations. Total is their sum in seconds, P50 to P99 are
	// quantiles; all are 0 if Timed is.
	Timed                uint64
	Total, P50, P95, P99 float64
}

// PerSecond returns the rate of requests.
func (s Stats) PerSecond() float64 {
	if s.covered <= 0 {
		return 0
	}
	return float64(s.Requests) / s.covered
}

// ErrorRate returns the part of the requests that failed.
func (s Stats) ErrorRate() float64 { return ratio(s.Errors, s.Requests) }

func ratio(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// window returns the statistics of the last window. since is when the recording began.
func (s *series) window(now, since time.Time, window time.Duration) Stats {
	of := spanOf(now, window)
	var sum slot
	slots := s.level(of.level)
	for at := of.first; at <= of.last; at++ {
		if one := &slots[at%int64(len(slots))]; one.at == at {
			sum.merge(one)
		}
	}
	return sum.stats(of.length(now, since))
}

func (s *slot) stats(covered float64) Stats {
	return Stats{
		Requests: uint64(s.requests), Errors: uint64(s.errors), NoData: uint64(s.noData), Rejected: uint64(s.rejected), covered: covered, Fetches: uint64(s.fetches),
		Looked: uint64(s.looked), Found: uint64(s.found), Shared: uint64(s.shared), Refused: uint64(s.refused), Retries: uint64(s.retries),
		Timed: uint64(s.requests - s.untimed), Total: s.total.Seconds(),
		P50: s.durations.quantile(.5), P95: s.durations.quantile(.95), P99: s.durations.quantile(.99),
	}
}
