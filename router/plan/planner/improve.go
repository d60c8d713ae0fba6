package planner

import "souk/router/operation"

// A Cost is the number of requests of a plan, and the number of levels: how
// many requests wait for each other one after another. A plan with fewer
// requests is better, and of those with equally many the one with fewer levels.
type Cost struct {
	Requests int `json:"requests"`
	Levels   int `json:"levels"`
}

// searchBudget is how many candidates the optimiser looks at, which takes a few
// milliseconds. It is enough for a complete search for nearly all operations.
const searchBudget = 100_000

// thoroughEdges bounds the edges that a thorough walk looks at, by those of the
// first walk.
func thoroughEdges(first int) int { return 2_000 + 10*first }

// improve replaces the chooser's choice for a query by one that costs less, if
// there is one, and returns the leaves that the choice is for.
//
// Most often the greedy choice is as good as a lower bound, and nothing is left
// to do. Otherwise the operation is walked once more, thoroughly, and searched.
func (p *Planner) improve(w *walker, c *chooser, op *operation.Operation, root *slot, leaves []*leaf, explanation *Explanation) []*leaf {
	greedy, bound := measure(w.memory, leaves, c.chosen), w.lowerBound(p.model.Query, op.Selections)
	explanation.Bound, explanation.Greedy, explanation.Chosen = bound, greedy, greedy
	explanation.Edges = w.edges
	if greedy.compare(bound) <= 0 {
		return leaves
	}
	explanation.Search = Incomplete
	thorough := p.newWalker(w.memory, w.labels, thoroughEdges(w.edges))
	thorough.thorough = true
	all, err := thorough.walk(w.memory.branches.Of(branch{position: w.memory.positions.Of(position{slot: root}), typ: p.model.Query}), op.Selections)
	explanation.Edges += thorough.edges
	if err != nil || thorough.budget < 0 {
		return leaves
	}
	chosen, cost, exact := optimise(thorough, all, greedy, searchBudget)
	if exact {
		explanation.Search = Exact
	}
	if chosen == nil {
		return leaves
	}
	explanation.Chosen = cost
	c.chosen = chosen
	return all
}
