package planner

import "math"

// An effort bounds the search for a better plan.
type effort struct {
	// first is how many edges of the query graph the first walks may have looked at for a search to follow.
	first int
	// edges and factor bound the edges that the thorough walks look at: factor is for each edge of the first ones.
	edges, factor int
	// steps is how many steps of step graphs the optimiser looks at.
	steps int
}

var (
	// complete takes some milliseconds for the walks, and some ten for the steps. It is enough for a complete
	// search for nearly all operations.
	complete = effort{first: math.MaxInt, edges: 40_000, factor: 4, steps: 1_000_000}
	// quick takes some hundred microseconds.
	quick = effort{first: 1_000, edges: 700, factor: 1, steps: 6_000}
)

// thorough returns how many edges the thorough walks may look at, after so many of the first ones.
func (e *effort) thorough(first int) int { return e.edges + e.factor*first }
