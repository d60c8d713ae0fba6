package planner

import (
	"cmp"
	"slices"
	"time"
)

// Latencies are how long requests to subgraphs take, by the names of the
// subgraphs.
type Latencies map[string]time.Duration

const (
	// maxDelay is how much longer than the critical path a payload may take, as a
	// divisor: 5 %. The critical path is the time without any merging.
	maxDelay = 20
	// delayGrace is how much longer it may take in any case, unless it takes less
	// without latencies: so short a delay is not worth a request.
	delayGrace = 10 * time.Millisecond
	// batchBudget bounds the search for batches, in visits of nodes of the fetch
	// graph. It takes a few milliseconds.
	batchBudget = 500_000
)

// A batcher searches for the batching with the fewest requests, and of those for
// the one whose payloads are complete first, by branch and bound. Nodes join
// batches in the order in which they can begin. Merging more never makes a payload
// complete earlier, so a partial batching, whose other nodes are alone, that is
// late stays late.
type batcher struct {
	graph *fetchGraph
	order []int // nodes, in the order in which they are assigned
	// limits are when the payloads must be complete.
	limits  []time.Duration
	current batching
	batches [][]int // by family: the batches of its assigned nodes
	times   []time.Duration

	best         batching
	bestRequests int
	bestTime     time.Duration
	budget       int
}

// limits returns when each payload must be complete.
func limits(critical, byLevels []time.Duration) []time.Duration {
	out := make([]time.Duration, len(critical))
	for i, c := range critical {
		out[i] = max(c+c/maxDelay, min(byLevels[i], c+delayGrace))
	}
	return out
}

func within(times, limits []time.Duration) bool {
	for i, t := range times {
		if t > limits[i] {
			return false
		}
	}
	return true
}

// batch returns the batching to use, and whether the search for it was complete.
// byLevels is used if it is within the limits and no other needs fewer requests.
func (g *fetchGraph) batch(byLevels batching) (chosen batching, exact bool) {
	alone := g.unmerged()
	critical, _ := g.times(alone, nil)
	begins := slices.Clone(g.began)
	usual, _ := g.times(byLevels, nil)
	s := batcher{graph: g, limits: limits(critical, usual), current: alone, batches: make([][]int, g.families), budget: batchBudget}
	keep := within(usual, s.limits)
	s.bestRequests = len(g.nodes) + 1
	if keep {
		s.best, s.bestRequests = byLevels, byLevels.requests()
	}
	for i := range g.nodes {
		s.order = append(s.order, i)
	}
	slices.SortStableFunc(s.order, func(a, b int) int { return cmp.Compare(begins[a], begins[b]) })
	s.search(0, 0, g.families, sum(critical))
	if s.best == nil { // not even a first one
		return byLevels, false
	}
	return s.best.canonical(), s.budget >= 0
}

func sum(times []time.Duration) (total time.Duration) {
	for _, t := range times {
		total += t
	}
	return total
}

// search assigns the nodes from the i-th on. There are that many requests so far,
// families without any, and a lower bound of the sum of times.
func (s *batcher) search(i, requests, families int, total time.Duration) {
	if least := requests + families; least > s.bestRequests || least == s.bestRequests && (s.bestTime == 0 || total >= s.bestTime) {
		return
	}
	if i == len(s.order) {
		s.best, s.bestRequests, s.bestTime = slices.Clone(s.current), requests, total
		return
	}
	n := s.order[i]
	family := s.graph.nodes[n].family
	open := s.batches[family]
	for j := len(open) - 1; j >= 0 && s.budget >= 0; j-- {
		s.budget -= len(s.order)
		s.current[n] = open[j]
		if times, ok := s.graph.times(s.current, s.times); ok && within(times, s.limits) {
			s.times = times
			s.search(i+1, requests, families, sum(times))
		}
		s.current[n] = n
	}
	if s.budget < 0 {
		return
	}
	if len(open) == 0 {
		families--
	}
	s.batches[family] = append(open, n)
	s.search(i+1, requests+1, families, total)
	s.batches[family] = open
}

// hasChoice reports whether there is more than one batching: two nodes of one
// family of which none waits for the other.
func (g *fetchGraph) hasChoice() bool {
	waits := make([][]uint64, len(g.nodes))
	byFamily := make([][]int, g.families)
	for i, n := range g.nodes {
		for _, d := range n.dependsOn {
			waits[i] = addBit(union(waits[i], waits[d]), d)
		}
		for _, other := range byFamily[n.family] {
			if other/64 >= len(waits[i]) || waits[i][other/64]>>(other%64)&1 == 0 {
				return true
			}
		}
		byFamily[n.family] = append(byFamily[n.family], i)
	}
	return false
}
