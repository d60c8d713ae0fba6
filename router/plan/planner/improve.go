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

func (c Cost) plus(other Cost) Cost {
	return Cost{c.Requests + other.Requests, c.Levels + other.Levels}
}

// A part of an operation is planned for itself: a query or a subscription, or the
// root fields of a mutation that one request fetches. The requests of a mutation's
// part wait for all of the part before, so they are never merged with those.
type part struct {
	selections []operation.Selection
	// start is the subgraph that the root fields are fetched from; nil for a query,
	// whose root fields may be fetched from several.
	start  *supergraph.Subgraph
	leaves []*leaf
}

// searchBudget is how many nodes of request graphs the optimiser looks at for an operation,
// which takes tens of milliseconds. It is enough for a complete search for nearly all of them.
const searchBudget = 3_000_000

// thoroughEdges bounds the edges that a thorough walk looks at, by those of the
// first walk. It takes some milliseconds.
func thoroughEdges(first int) int { return 20_000 + 20*first }

// An improver looks for better choices than the chooser's.
type improver struct {
	planner     *Planner
	chooser     *chooser
	typ         *supergraph.Type // the root type
	root        *slot
	explanation *Explanation
	budget      int // what is left of searchBudget
}

// improve replaces the chooser's choice for a part by one that costs less, if
// there is one, and returns the leaves that the choice is for. The subgraph of the
// root fields of a mutation or a subscription remains.
//
// Most often the greedy choice is as good as a lower bound, and nothing is left
// to do. Otherwise the part is walked once more, thoroughly, and searched.
func (i *improver) improve(w *walker, part part) []*leaf {
	c, x := i.chooser, i.explanation
	greedy, bound := measure(w.memory, part.leaves, c.chosen), w.lowerBound(i.typ, part.start, part.selections)
	x.Greedy, x.Bound = x.Greedy.plus(greedy), x.Bound.plus(bound)
	if greedy.compare(bound) <= 0 {
		x.Chosen = x.Chosen.plus(greedy)
		return part.leaves
	}
	leaves, cost, exact := i.search(w, part, greedy)
	if !exact {
		x.Search = Incomplete
	} else if x.Search == NotSearched {
		x.Search = Exact
	}
	x.Chosen = x.Chosen.plus(cost)
	return leaves
}

// search returns the leaves and the cost of the best choice for a part, which is the
// chooser's if none costs less.
func (i *improver) search(w *walker, part part, greedy Cost) ([]*leaf, Cost, bool) {
	thorough := i.planner.newWalker(w.memory, w.labels, thoroughEdges(w.edges))
	thorough.thorough = true
	// What it finds has IDs of its own.
	thorough.edges, thorough.leaves = w.edges, w.leaves
	b := branch{position: w.memory.positions.Of(position{slot: i.root}), typ: i.typ}
	if part.start != nil {
		b.entitiesExplored = true
		b.paths = []*edge{thorough.newEdge(edge{kind: rootEdge, subgraph: part.start, typ: b.typ, position: b.position})}
	}
	all, err := thorough.walk(w.memory.branches.Of(b), part.selections)
	from := w.leaves
	w.edges, w.leaves = thorough.edges, thorough.leaves
	if err != nil || thorough.budget < 0 {
		return part.leaves, greedy, false
	}
	graph := newRequestGraph(w.memory, all, w.edges, w.leaves)
	asked, _, left, exact := optimise(graph, greedy, i.budget)
	exact = exact && !thorough.incomplete
	if i.budget = left; asked == nil {
		return part.leaves, greedy, exact
	}
	chosen, cost, left := settle(graph, asked, w.leaves, i.budget)
	i.budget = left
	i.chooser.adopt(from, chosen[from:])
	return all, cost, exact
}
