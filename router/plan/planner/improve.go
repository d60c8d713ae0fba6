package planner

import (
	"math"

	"souk/router/operation"
	"souk/router/supergraph"
)

// A part of an operation is planned for itself: a query or a subscription, or the
// root fields of a mutation that one request fetches.
type part struct {
	leaves []*leaf
	// searched is set if the search chose their paths, not the chooser.
	searched bool
}

// An improver looks for better choices than the chooser's.
type improver struct {
	planner     *Planner
	chooser     *chooser
	typ         *supergraph.Type // the root type
	root        *slot
	explanation *Explanation
	budget      int // what is left of the search budget
	// unsettled is set once a quick search has ended early.
	unsettled bool
}

// improve replaces the chooser's choice for a query by one that costs less, if there is
// one.
//
// Most often the greedy choice is as good as a lower bound, and nothing is left
// to do. Otherwise the query is walked once more, thoroughly, and searched. If the result is
// still above the bound, fields of interfaces are also selected by type.
func (i *improver) improve(w *walker, selections []operation.Selection, leaves []*leaf) part {
	greedy, bound := measure(w.memory, leaves, i.chooser.chosen, w.defers), w.lowerBound(i.typ, selections)
	x := i.explanation
	x.Greedy, x.Bound, x.Chosen = greedy, bound, greedy
	if greedy.compare(bound) <= 0 {
		return part{leaves: leaves}
	}
	if w.edges > i.planner.effort.first {
		x.Search = Incomplete
		return part{leaves: leaves}
	}
	all := i.thoroughly(w, false).query(i.typ, selections)
	if all.leaves == nil { // the paths of the first walk have to do
		all.leaves = leaves
	}
	found := i.search(w, all, greedy, bound, i.budget)
	if all.interfaces && i.mayImprove(found, bound) {
		found = i.searchByType(w, found, i.thoroughly(w, true).query(i.typ, selections), bound, i.budget)
	}
	exact, made := found.exact, part{leaves: leaves}
	if found.asked != nil {
		x.Chosen = i.settle(w, found)
		made = part{leaves: found.goals, searched: true}
	}
	if x.Search = Incomplete; exact && !i.unsettled {
		x.Search = Exact
	}
	return made
}

// found is the outcome of a search for leaves: the groups to ask, level by level, and what they
// cost. If nothing costs less than the limit, asked is nil and the cost is the limit.
type found struct {
	graph *requestGraph
	goals []*leaf
	asked [][]int
	cost  Cost
	exact bool
}

// search looks for the best choice for some leaves that costs less than a limit. None
// costs less than the bound. With deferred payloads, it first looks for what the initial one needs, and
// limits its requests to that.
func (i *improver) search(w *walker, g goals, limit, bound Cost, budget int) found {
	within, left, exact := limit, budget, true
	var first [][]requestGroup // the requests of the initial payload
	if w.defers && limit.initial().compare(bound.initial()) > 0 {
		initial := newRequestGraph(w.memory, ofInitialPayload(g.leaves), w.edges, w.leaves)
		asked, c, rest, ok := optimise(initial, limit.initial(), left)
		left, exact = rest, ok
		if asked != nil { // any choice with that is better
			within = Cost{Requests: math.MaxInt, Levels: limit.Levels + c.Levels}.withInitial(c)
			first = initial.requests(asked)
		}
	}
	graph := newRequestGraph(w.memory, g.leaves, w.edges, w.leaves)
	graph.defers, graph.initial = w.defers, first
	asked, cost, left, ok := optimise(graph, within, left)
	i.budget -= budget - left
	if asked == nil {
		cost, ok = limit, ok && within == limit
	}
	return found{graph, g.leaves, asked, cost, exact && ok && g.complete}
}

// ofInitialPayload returns the leaves that the initial payload selects.
func ofInitialPayload(leaves []*leaf) (initial []*leaf) {
	for _, l := range leaves {
		if l.deferID == 0 {
			initial = append(initial, l)
		}
	}
	return initial
}

// mayImprove reports whether another search is to be made for a better choice than a first one. A quick search that
// has reached its limit is to be completed anyway.
func (i *improver) mayImprove(first found, bound Cost) bool {
	return first.cost.compare(bound) > 0 && (first.exact || i.planner.effort != quick)
}

// searchByType looks for a better choice than that of a first search, for leaves of a walk that
// selects fields of interfaces by type.
func (i *improver) searchByType(w *walker, first found, g goals, bound Cost, budget int) found {
	switch {
	case g.leaves == nil:
		first.exact = false
		return first
	case !g.byType: // the leaves are the same
		first.exact = first.exact && g.complete
		return first
	}
	second := i.search(w, g, first.cost, bound, budget)
	if second.asked != nil {
		return second
	}
	first.exact = second.exact
	return first
}

// endsEarly notes that a search has reached its limit: a complete one may choose other paths, even for a plan
// that costs as little.
func (i *improver) endsEarly() { i.unsettled = i.unsettled || i.planner.effort == quick }

// settle makes the choice that a search found, and returns what it costs.
func (i *improver) settle(w *walker, f found) Cost {
	chosen, cost, left := settle(f.graph, f.asked, w.leaves, i.budget)
	i.budget = left
	if left <= 0 {
		i.endsEarly()
	}
	i.chooser.adopt(chosen)
	return cost
}
