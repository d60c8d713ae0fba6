package planner

import "cmp"

// A Cost is the number of requests of a plan, and the number of levels: how
// many requests wait for each other one after another. A plan with fewer
// requests is better, and of those with equally many the one with fewer levels.
//
// With deferred payloads, a plan is better first of all if the initial payload waits for fewer
// requests, and then for fewer levels: it never waits longer because something is deferred.
type Cost struct {
	Requests int `json:"requests"`
	Levels   int `json:"levels"`
	// Those of the initial payload, if there are deferred ones.
	InitialRequests int `json:"initialRequests,omitempty"`
	InitialLevels   int `json:"initialLevels,omitempty"`
}

// before returns the cost of a part of a mutation and those after it, which wait for its
// initial payload.
func (c Cost) before(rest Cost) Cost {
	wait := c.Levels
	if c.InitialRequests > 0 {
		wait = c.InitialLevels
	}
	return Cost{
		c.Requests + rest.Requests, max(c.Levels, wait+rest.Levels),
		c.InitialRequests + rest.InitialRequests, c.InitialLevels + rest.InitialLevels,
	}
}

// Better reports whether a plan with this cost is better than one with another.
func (c Cost) Better(other Cost) bool { return c.compare(other) < 0 }

// initial returns the cost of the initial payload.
func (c Cost) initial() Cost {
	return Cost{Requests: c.InitialRequests, Levels: c.InitialLevels}
}

// withInitial adds the cost of the initial payload.
func (c Cost) withInitial(initial Cost) Cost {
	c.InitialRequests, c.InitialLevels = initial.Requests, initial.Levels
	return c
}

func (c Cost) compare(other Cost) int {
	return cmp.Or(
		cmp.Compare(c.InitialRequests, other.InitialRequests), cmp.Compare(c.InitialLevels, other.InitialLevels),
		cmp.Compare(c.Requests, other.Requests), cmp.Compare(c.Levels, other.Levels))
}
