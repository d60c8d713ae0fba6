package adaptive

import (
	"math"
	"slices"
	"time"
)

const (
	// A window lasts at least minWindow, and has at least minSamples samples, of which maxSamples
	// are kept.
	minWindow  = 100 * time.Millisecond
	minSamples = 10
	maxSamples = 512
	// probeEvery is the time between measurements of the baseline, and leastProbed the least number
	// of samples of one.
	probeEvery  = 20 * time.Second
	leastProbed = 4
)

// A gradient computes the limit. Its owner locks it.
type gradient struct {
	options  *Options
	limit    float64
	baseline time.Duration // 0 if not known

	start   time.Time // of the window
	samples []time.Duration
	count   int // of samples, including those beyond maxSamples
	most    int // in flight during the window

	probing bool
	probed  time.Time
}

func (g *gradient) init(o *Options) {
	now := o.Now()
	*g = gradient{options: o, limit: float64(o.Initial), start: now, probed: now, samples: make([]time.Duration, 0, maxSamples)}
}

// current returns how much may be in flight now: the limit, except during a probe. A probe may go below
// Options.Min, down to a third of it: where that is more than the server can do at a time, work waits in
// the server at the minimum, too, and what is measured then is no baseline.
func (g *gradient) current() int {
	if g.probing {
		return max((g.options.Min+2)/3, int(g.limit/(2*g.options.Tolerance)))
	}
	return int(g.limit)
}

// needed returns how many samples end a window. A probe ends after about two rounds of what it lets
// through, however slow the server is.
func (g *gradient) needed() int {
	if g.probing {
		return min(minSamples, max(leastProbed, 2*g.current()))
	}
	return minSamples
}

// used notes how much is in flight.
func (g *gradient) used(n int) { g.most = max(g.most, n) }

// add adds a sample. It adjusts the limit at the end of a window.
func (g *gradient) add(began, now time.Time) {
	if (g.probing || g.start.Equal(g.probed)) && began.Before(g.start) {
		return // it began before a probe, beside more than that lets through, or in one, beside less
	}
	if len(g.samples) < maxSamples {
		g.samples = append(g.samples, now.Sub(began))
	} else { // replace one, in turn: the window is long
		g.samples[g.count%maxSamples] = now.Sub(began)
	}
	g.count++
	if g.count < g.needed() || now.Sub(g.start) < minWindow {
		return
	}
	slices.Sort(g.samples)
	latency := max(g.samples[len(g.samples)/2], 1)
	if g.probing {
		g.baseline, g.probing, g.probed = latency, false, now
	} else {
		g.adjust(latency)
		// Latency that is close to the baseline needs no explanation.
		g.probing = now.Sub(g.probed) >= probeEvery && float64(latency) > 1.25*float64(g.baseline)
	}
	g.start, g.samples, g.count, g.most = now, g.samples[:0], 0, 0
}

// adjust computes the limit after a window.
func (g *gradient) adjust(latency time.Duration) {
	if g.baseline == 0 || latency < g.baseline {
		g.baseline = latency
	}
	ratio := min(1, g.options.Tolerance*float64(g.baseline)/float64(latency))
	next := g.limit*max(ratio, 0.5) + math.Sqrt(g.limit)
	if next > g.limit && float64(g.most) < g.limit/2 {
		return // what is not used cannot be judged
	}
	g.limit = min(max(next, float64(g.options.Min)), float64(g.options.Max))
}
