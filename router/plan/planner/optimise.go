package planner

import (
	"cmp"
	"slices"

	"souk/router/supergraph"
)

// An optimiser searches for the choice of candidate paths with the lowest cost
// by branch and bound (Land and Doig, 1960): it decides leaf after leaf, and
// gives up a partial choice as soon as a lower bound of its cost reaches the
// cost of the best complete one.
//
// The search is small because few leaves need a decision. A leaf with a single
// candidate leaves none, and neither does a leaf that can be read from a
// request that is made anyway: that adds no request and, unless the leaf is the
// key of another request and known earlier elsewhere, no level.
type optimiser struct {
	memory *scratch
	leaves []*leaf // those of the operation
	chosen []*edge // by leaf.id
	taken  []bool  // by edge.id
	// excluded are the root and key edges that are not considered any more, by edge.id:
	// all choices with them have been searched.
	excluded []bool
	// groups count the taken edges of each request group, levels is the least
	// number of levels of any plan with the taken edges.
	groups map[requestGroup]int
	levels int
	trail  []decision

	best     []*edge
	bestCost Cost
	// budget is the number of candidates that may still be considered. exact is set
	// while it suffices.
	budget int
	exact  bool
}

// A decision is a step that undo takes back: a choice for a leaf, an edge that
// was taken, with the levels before it, or an edge that was excluded.
type decision struct {
	leaf            *leaf
	taken, excluded *edge
	levels          int
}

// A requestGroup is a set of requests of which a plan needs at least one if it
// has an edge of the group: the root requests at one position, or the entity
// requests to one subgraph.
type requestGroup struct {
	subgraph *supergraph.Subgraph
	deferID  int
	position *position // of a root request
}

// optimise returns the choice with the lowest cost, or nil if none costs less
// than the limit. It is exact unless the budget ran out; then the choice is the
// best that was found. left is what is left of the budget.
func optimise(w *walker, leaves []*leaf, limit Cost, budget int) (chosen []*edge, c Cost, left int, exact bool) {
	o := &optimiser{
		memory: w.memory,
		leaves: leaves, chosen: make([]*edge, w.leaves), taken: make([]bool, w.edges), excluded: make([]bool, w.edges),
		groups: map[requestGroup]int{}, bestCost: limit, budget: budget, exact: true,
	}
	o.search(leaves)
	return o.best, o.bestCost, o.budget, o.exact
}

// search completes a partial choice. The open leaves are those to decide; some
// may have been decided meanwhile.
func (o *optimiser) search(open []*leaf) {
	defer o.undo(len(o.trail))
	open = o.decideForced(open)
	if o.budget < 0 {
		o.exact = false
		return
	}
	if o.bound(open).compare(o.bestCost) >= 0 {
		return
	}
	if len(open) == 0 {
		o.complete()
		return
	}
	next, candidates := o.branching(open)
	for _, e := range candidates {
		mark := len(o.trail)
		o.search(o.choose(slices.Clone(open), next, e))
		o.undo(mark)
		if next.conditionOf == nil {
			// Every choice in which this request is made, for whatever reason,
			// costs no less than the best with it here.
			o.exclude(e.request())
		}
	}
}

// complete keeps a complete choice if it is the best so far.
func (o *optimiser) complete() {
	chosen := slices.Clone(o.chosen)
	if c := o.improveConditions(chosen); c.compare(o.bestCost) < 0 {
		o.best, o.bestCost = chosen, c
	}
}

// improveConditions lets conditions read from other requests that are made,
// one after another, where that costs less: requests can be merged if they do
// not wait for different ones.
func (o *optimiser) improveConditions(chosen []*edge) Cost {
	best := measure(o.memory, o.leaves, chosen)
	o.budget -= len(o.trail)
	for _, d := range o.trail {
		if d.leaf == nil || d.leaf.conditionOf == nil || best == (Cost{len(o.groups), o.levels}) {
			continue
		}
		for _, e := range d.leaf.candidates {
			before := chosen[d.leaf.id]
			if e == before || !o.free(e) || o.budget < 0 {
				continue
			}
			o.budget -= len(o.trail)
			chosen[d.leaf.id] = e
			if c := measure(o.memory, o.leaves, chosen); c.compare(best) < 0 {
				best = c
			} else {
				chosen[d.leaf.id] = before
			}
		}
	}
	return best
}

// branching returns the open leaf with the fewest candidates, and those, most
// promising first.
func (o *optimiser) branching(open []*leaf) (next *leaf, candidates []*edge) {
	for _, l := range open {
		if own := o.candidates(l); next == nil || len(own) < len(candidates) {
			next, candidates = l, own
		}
	}
	slices.SortStableFunc(candidates, func(a, b *edge) int {
		return cmp.Or(cmp.Compare(o.newGroups(a), o.newGroups(b)), cmp.Compare(a.minLevel, b.minLevel), cmp.Compare(a.cost, b.cost))
	})
	return next, candidates
}

// candidates returns the candidates of a leaf that differ in what they cost: of
// those that read from the same request, one.
func (o *optimiser) candidates(l *leaf) []*edge {
	var out []*edge
	for _, e := range l.candidates {
		request := e.request()
		if o.excluded[request.id] {
			continue
		}
		if !e.conditional() && slices.ContainsFunc(out, func(have *edge) bool { return have.request() == request && !have.conditional() }) {
			continue
		}
		out = append(out, e)
	}
	return out
}

// decideForced decides the leaves that need no decision, and returns those that
// are still open.
func (o *optimiser) decideForced(open []*leaf) []*leaf {
	queue := slices.Clone(open)
	for progress := true; progress; {
		progress = false
		var undecided []*leaf
		for i := 0; i < len(queue); i++ {
			l := queue[i]
			if o.chosen[l.id] != nil || slices.Contains(undecided, l) {
				continue
			}
			if e := o.forced(l); e != nil {
				queue = o.choose(queue, l, e)
				progress = true
				continue
			}
			undecided = append(undecided, l)
		}
		queue = undecided
	}
	return queue
}

// forced returns the only candidate of a leaf, or a free one; nil if there is a
// decision to make, or no candidate.
//
// A free candidate of a leaf of the operation costs no more than any other,
// whatever else is chosen. For a condition, a free candidate is also known as early as
// any other; candidates that read from a request that the edge waits for anyway are
// preferred. Which of several is best for merging depends on the
// complete choice: see improveConditions.
func (o *optimiser) forced(l *leaf) *edge {
	o.budget -= len(l.candidates)
	earliest := slices.MinFunc(l.candidates, byMinLevel).minLevel
	var free *edge
	for _, e := range l.candidates {
		if !o.free(e) {
			continue
		}
		switch {
		case l.conditionOf == nil:
			if free == nil || e.minLevel < free.minLevel {
				free = e
			}
		case o.waitsFor(l.conditionOf, e.request()):
			return e
		case free == nil && e.minLevel == earliest:
			free = e
		}
	}
	if free != nil {
		return free
	}
	if own := o.candidates(l); len(own) == 1 {
		return own[0]
	}
	return nil
}

// waitsFor reports whether a chosen condition of an edge reads from a request.
func (o *optimiser) waitsFor(e, request *edge) bool {
	return slices.ContainsFunc(e.conditions, func(c *leaf) bool {
		return o.chosen[c.id] != nil && o.chosen[c.id].request() == request
	})
}

// free reports whether a path adds fields to a taken request and nothing else.
func (o *optimiser) free(e *edge) bool {
	for ; !o.taken[e.id]; e = e.tail {
		if e.tail == nil || len(e.conditions) > 0 {
			return false
		}
	}
	return true
}

// choose chooses a candidate for a leaf, and adds the leaves that it needs to
// those that are open.
func (o *optimiser) choose(open []*leaf, l *leaf, e *edge) []*leaf {
	o.chosen[l.id] = e
	o.trail = append(o.trail, decision{leaf: l})
	for ; e != nil && !o.taken[e.id]; e = e.tail {
		o.taken[e.id] = true
		o.trail = append(o.trail, decision{taken: e, levels: o.levels})
		o.levels = max(o.levels, e.minLevel)
		if g, ok := e.requestGroup(); ok {
			o.groups[g]++
		}
		open = append(open, e.conditions...)
	}
	return open
}

func (o *optimiser) exclude(e *edge) {
	if !o.excluded[e.id] {
		o.excluded[e.id] = true
		o.trail = append(o.trail, decision{excluded: e})
	}
}

func (o *optimiser) undo(mark int) {
	for i := len(o.trail) - 1; i >= mark; i-- {
		d := o.trail[i]
		switch {
		case d.leaf != nil:
			o.chosen[d.leaf.id] = nil
			continue
		case d.excluded != nil:
			o.excluded[d.excluded.id] = false
			continue
		}
		o.taken[d.taken.id] = false
		o.levels = d.levels
		if g, ok := d.taken.requestGroup(); ok {
			if o.groups[g]--; o.groups[g] == 0 {
				delete(o.groups, g)
			}
		}
	}
	o.trail = o.trail[:mark]
}

// bound returns a lower bound of the cost of all choices that complete the
// present one: a request for each group, and one more for each open leaf whose
// candidates all need a group that no leaf before it may have added.
func (o *optimiser) bound(open []*leaf) Cost {
	c := Cost{Requests: len(o.groups), Levels: o.levels}
	var added []requestGroup
	for _, l := range open {
		earliest, isNew := l.candidates[0].minLevel, true
		var groups []requestGroup
		for _, e := range l.candidates {
			if o.excluded[e.request().id] {
				continue
			}
			earliest = min(earliest, e.minLevel)
			g := e.request().mustGroup()
			if o.groups[g] > 0 || slices.Contains(added, g) {
				isNew = false
			}
			groups = append(groups, g)
		}
		c.Levels = max(c.Levels, earliest)
		if isNew {
			c.Requests++
			added = append(added, groups...)
		}
	}
	return c
}

// newGroups is how many requests a candidate adds, without its conditions.
func (o *optimiser) newGroups(e *edge) int {
	if o.groups[e.request().mustGroup()] > 0 {
		return 0
	}
	return 1
}

// conditional reports whether an edge after the request has conditions.
func (e *edge) conditional() bool {
	for ; e.tail != nil; e = e.tail {
		if len(e.conditions) > 0 {
			return true
		}
	}
	return false
}

// request returns the root or key edge that a path begins with.
func (e *edge) request() *edge {
	for e.tail != nil {
		e = e.tail
	}
	return e
}

func (e *edge) requestGroup() (g requestGroup, ok bool) {
	if e.tail != nil {
		return g, false
	}
	return e.mustGroup(), true
}

// mustGroup is the group of a root or key edge.
func (e *edge) mustGroup() requestGroup {
	if e.kind == rootEdge {
		return requestGroup{e.subgraph, e.deferID, e.position}
	}
	return requestGroup{e.subgraph, e.deferID, nil}
}
