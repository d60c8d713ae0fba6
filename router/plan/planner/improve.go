package planner

import (
	"souk/router/operation"
	"souk/router/supergraph"
)

// A Cost is the number of requests of a plan, and the number of levels: how
// many requests wait for each other one after another. A plan with fewer
// requests is better, and of those with equally many the one with fewer levels.
type Cost struct {
	Requests int `json:"requests"`
	Levels   int `json:"levels"`
}

// A part of an operation is planned for itself: a query or a subscription, or the
// root fields of a mutation that one request fetches.
type part struct {
	leaves []*leaf
	// searched is set if the search chose their paths, not the chooser.
	searched bool
}

// searchBudget is how many steps of step graphs the optimiser looks at for an operation, which
// takes some ten milliseconds. It is enough for a complete search for nearly all of them.
const searchBudget = 1_000_000

// thoroughEdges bounds the edges that the thorough walks of an operation look at, by those
// of the first walks. It takes some milliseconds.
func thoroughEdges(first int) int { return 40_000 + 4*first }

// An improver looks for better choices than the chooser's.
type improver struct {
	planner     *Planner
	chooser     *chooser
	typ         *supergraph.Type // the root type
	root        *slot
	explanation *Explanation
	budget      int // what is left of searchBudget
}

// improve replaces the chooser's choice for a query by one that costs less, if there is
// one.
//
// Most often the greedy choice is as good as a lower bound, and nothing is left
// to do. Otherwise the query is walked once more, thoroughly, and searched.
func (i *improver) improve(w *walker, selections []operation.Selection, leaves []*leaf) part {
	greedy, bound := measure(w.memory, leaves, i.chooser.chosen), w.lowerBound(i.typ, selections)
	x := i.explanation
	x.Greedy, x.Bound, x.Chosen = greedy, bound, greedy
	if greedy.compare(bound) <= 0 {
		return part{leaves: leaves}
	}
	thorough := i.thoroughWalker(w)
	b := branch{position: w.memory.positions.Of(position{slot: i.root}), typ: i.typ}
	all, err := thorough.walk(w.memory.branches.Of(b), selections)
	w.edges, w.leaves = thorough.edges, thorough.leaves
	x.Search = Incomplete
	if err != nil || thorough.budget < 0 { // the paths of the first walk have to do
		all, thorough.incomplete = leaves, true
	}
	found := i.search(w, all, greedy, i.budget)
	if found.exact && !thorough.incomplete {
		x.Search = Exact
	}
	if found.asked == nil {
		return part{leaves: leaves}
	}
	x.Chosen = i.settle(w, found)
	return part{leaves: all, searched: true}
}

// thoroughWalker returns a walker for what the optimiser needs. What it finds has IDs of its own.
func (i *improver) thoroughWalker(w *walker) *walker {
	thorough := i.planner.newWalker(w.memory, w.labels, thoroughEdges(w.edges))
	thorough.thorough = true
	thorough.edges, thorough.leaves = w.edges, w.leaves
	return thorough
}

// found is the outcome of a search: the groups to ask, level by level, and what they
// cost. asked is nil if nothing costs less than the limit.
type found struct {
	graph *requestGraph
	asked [][]int
	cost  Cost
	exact bool
}

// search looks for the best choice for some leaves of a thorough walk that costs less than
// a limit.
func (i *improver) search(w *walker, goals []*leaf, limit Cost, budget int) found {
	graph := newRequestGraph(w.memory, goals, w.edges, w.leaves)
	asked, cost, left, exact := optimise(graph, limit, budget)
	i.budget -= budget - left
	return found{graph, asked, cost, exact}
}

// settle makes the choice that a search found, and returns what it costs.
func (i *improver) settle(w *walker, f found) Cost {
	chosen, cost, left := settle(f.graph, f.asked, w.leaves, i.budget)
	i.budget = left
	i.chooser.adopt(chosen)
	return cost
}
