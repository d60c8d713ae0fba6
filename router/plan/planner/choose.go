package planner

import (
	"cmp"
	"slices"
)

// A chooser picks one candidate path for each leaf, so that the chosen edges
// together cost little.
//
// The problem is a Steiner arborescence in the graph of edges, which is
// NP-hard, so the chooser is greedy: leaf after leaf, it takes the candidate
// that adds least to what has been chosen. Leaves with few candidates go
// first, because they leave no choice; those with many then find edges to
// share. Deferred leaves come last, since they may reuse earlier requests but
// not the other way round. Ties are broken by depth, then by the names of
// subgraphs. The result is minimal for each leaf in turn,
// not for all of them together.
//
// Prices are computed on demand and kept until the next edge is chosen. With n
// edges and l leaves that takes O(n·l) time at worst; sharing keeps it near
// linear for operations that people write.
type chooser struct {
	memory *scratch
	edges  []edgeChoice // by edge.id
	chosen []*edge      // by leaf.id; nil while there is no choice
	// jumps are the chosen entity jumps, by where they start and what they can
	// be merged with.
	jumps []jumpTarget
	// prices, unless nil, records what each candidate of a leaf would have added
	// when the leaf's path was chosen, for an explanation.
	prices map[*leaf][]int
	// round changes whenever an edge is chosen: prices of earlier rounds are
	// out of date.
	round int
}

// edgeChoice is what the chooser knows of an edge.
type edgeChoice struct {
	taken bool
	price int // valid in the round it was computed in
	round int
}

// A jumpTarget identifies the entity jumps that can become one request.
type jumpTarget struct {
	position *position
	group    mergeGroup
}

func newChooser(memory *scratch) *chooser { return &chooser{memory: memory, round: 1} }

// choose picks a path for each leaf that the walker has found so far.
func (c *chooser) choose(w *walker, leaves []*leaf) {
	c.edges = c.memory.choices.Append(c.edges, c.memory.choices.Make(w.edges-len(c.edges))...)
	c.chosen = c.memory.edgeLists.Append(c.chosen, c.memory.edgeLists.Make(w.leaves-len(c.chosen))...)
	order := c.memory.leafLists.Append(nil, leaves...)
	slices.SortStableFunc(order, func(a, b *leaf) int {
		return cmp.Or(cmp.Compare(a.deferID, b.deferID), cmp.Compare(len(a.candidates), len(b.candidates)))
	})
	for _, l := range order {
		c.satisfy(l)
	}
}

// adopt makes choices that were found otherwise, by leaf.id.
func (c *chooser) adopt(chosen []*edge) {
	if missing := len(chosen) - len(c.chosen); missing > 0 {
		c.chosen = c.memory.edgeLists.Append(c.chosen, c.memory.edgeLists.Make(missing)...)
	}
	for l, e := range chosen {
		if e != nil {
			c.chosen[l] = e
		}
	}
}

// satisfy picks a path for a leaf.
func (c *chooser) satisfy(l *leaf) {
	if c.chosen[l.id] != nil {
		return
	}
	if c.prices != nil {
		for _, e := range l.candidates {
			c.prices[l] = append(c.prices[l], c.price(e))
		}
	}
	best := slices.MinFunc(l.candidates, func(a, b *edge) int {
		return cmp.Or(cmp.Compare(c.price(a), c.price(b)), cmp.Compare(a.depth, b.depth), cmp.Compare(a.subgraph.Index, b.subgraph.Index))
	})
	c.chosen[l.id] = best
	c.take(best)
}

// take chooses an edge with the path before it.
func (c *chooser) take(e *edge) {
	if e == nil || c.edges[e.id].taken {
		return
	}
	c.edges[e.id].taken = true
	c.round++
	if e.kind == keyEdge {
		c.jumps = c.memory.targets.Append(c.jumps, targetOf(e))
	}
	c.take(e.tail)
	for _, condition := range e.conditions {
		c.satisfy(condition)
	}
}

func targetOf(e *edge) jumpTarget {
	return jumpTarget{e.position, mergeGroup{subgraph: e.subgraph, deferID: e.deferID}}
}

// price is what an edge adds to the cost of what has been chosen, with the
// path before it and its conditions.
func (c *chooser) price(e *edge) int {
	if e == nil || c.edges[e.id].taken {
		return 0
	}
	if known := &c.edges[e.id]; known.round == c.round && known.price > 0 {
		return known.price
	}
	price := e.ownCost()
	if e.kind == keyEdge && slices.Contains(c.jumps, targetOf(e)) {
		price = mergeableCost
	}
	price += c.price(e.tail)
	for _, condition := range e.conditions {
		price += c.leafPrice(condition)
	}
	price = max(price, 1)
	c.edges[e.id].round, c.edges[e.id].price = c.round, price
	return price
}

func (c *chooser) leafPrice(l *leaf) int {
	if c.chosen[l.id] != nil {
		return 0
	}
	least := c.price(l.candidates[0])
	for _, e := range l.candidates[1:] {
		least = min(least, c.price(e))
	}
	return least
}
