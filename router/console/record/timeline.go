package record

import "time"

// Gauges are values that are read once a second.
type Gauges struct {
	InFlight, Subscriptions float64
	// Shed counts rejected operations since the start.
	Shed float64
}

// A second has the statistics of one second.
type second struct {
	slot
	inFlight, subscriptions uint32
	shed                    uint32
	sampled                 bool // the gauges are set
}

// kept is the number of seconds in a timeline: the longest span.
const kept = Seconds + coarseStep

// A timeline has the statistics of all operations for each second of the last hour.
type timeline struct {
	seconds [kept]second
	shed    float64 // Gauges.Shed of the last second
	known   bool
}

func (t *timeline) at(unix int64) *second {
	s := &t.seconds[unix%kept]
	if s.at > unix { // the second is over for longer than it is kept
		return &second{}
	}
	if s.at != unix {
		*s = second{slot: slot{at: unix}}
	}
	return s
}

// sample stores the gauges of a second.
func (t *timeline) sample(now time.Time, g Gauges) {
	s := t.at(now.Unix())
	s.inFlight, s.subscriptions, s.sampled = uint32(max(g.InFlight, 0)), uint32(max(g.Subscriptions, 0)), true
	if t.known {
		s.shed += uint32(max(g.Shed-t.shed, 0))
	}
	t.shed, t.known = g.Shed, true
}

// A Point has the statistics of one step of a window.
type Point struct {
	Stats
	Time                    int64 // unix time of its beginning
	InFlight, Subscriptions float64
	Shed                    uint64
}

// Traffic are the statistics of a window, in steps and as a whole.
type Traffic struct {
	Window, Step int // in seconds
	Points       []Point
	Total        Stats
	Shed         uint64
}

// points is the number of steps that a window is divided into.
const points = 60

// window returns the last seconds in steps, without the one in progress, and as a whole. The
// whole is that of a series, so that both agree. since is when the recording began.
func (t *timeline) window(now, since time.Time, length int) Traffic {
	step := max(length/points, 1)
	out := Traffic{Window: length, Step: step, Points: make([]Point, 0, length/step)}
	end := now.Unix() / int64(step) * int64(step) // steps begin at multiples, so that charts do not flicker
	for from := end - int64(length/step*step); from < end; from += int64(step) {
		var sum slot
		p := Point{Time: from}
		samples := 0.0
		for at := from; at < from+int64(step); at++ {
			s := &t.seconds[at%kept]
			if s.at != at {
				continue
			}
			sum.merge(&s.slot)
			p.Shed += uint64(s.shed)
			if s.sampled {
				samples++
				p.InFlight += float64(s.inFlight)
				p.Subscriptions += float64(s.subscriptions)
			}
		}
		if samples > 0 {
			p.InFlight /= samples
			p.Subscriptions /= samples
		}
		p.Stats = sum.stats(float64(step))
		out.Points = append(out.Points, p)
	}
	var total slot
	of := spanOf(now, time.Duration(length)*time.Second)
	for at := of.begin(); at <= now.Unix(); at++ {
		if s := &t.seconds[at%kept]; s.at == at {
			total.merge(&s.slot)
			out.Shed += uint64(s.shed)
		}
	}
	out.Total = total.stats(of.length(now, since))
	return out
}
