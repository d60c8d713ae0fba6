package planner

import (
	"cmp"
	"slices"
)

// A chooser takes, for each goal, the way that costs least when what has
// been taken already is free. Goals with few ways go first, so that those
// with many find something to share; what is deferred comes last.
type chooser struct {
	// round changes whenever a move is taken: prices of earlier rounds are
	// out of date.
	round int
}

func (c *chooser) choose(goals []*goal) {
	order := slices.Clone(goals)
	slices.SortStableFunc(order, func(a, b *goal) int {
		return cmp.Or(cmp.Compare(a.part, b.part), cmp.Compare(len(a.ways), len(b.ways)))
	})
	for _, g := range order {
		c.reach(g)
	}
}

// reach takes a way to a goal.
func (c *chooser) reach(g *goal) {
	if g.chosen != nil {
		return
	}
	g.chosen = slices.MinFunc(g.ways, func(a, b *move) int {
		return cmp.Or(cmp.Compare(c.price(a), c.price(b)), cmp.Compare(a.depth, b.depth), cmp.Compare(a.graph.Index, b.graph.Index))
	})
	c.take(g.chosen)
}

func (c *chooser) take(m *move) {
	if m == nil || m.taken {
		return
	}
	m.taken = true
	c.round++
	if m.kind == enter {
		if m.at.entered == nil {
			m.at.entered = map[lane]bool{}
		}
		m.at.entered[lane{graph: m.graph, part: m.part}] = true
	}
	c.take(m.from)
	for _, n := range m.needs {
		c.reach(n)
	}
}

// price is what a move adds to the plan, with all it needs.
func (c *chooser) price(m *move) int {
	if m == nil || m.taken {
		return 0
	}
	if m.round == c.round && m.price > 0 {
		return m.price
	}
	price := m.own() + c.price(m.from)
	for _, n := range m.needs {
		price += c.priceOf(n)
	}
	m.round, m.price = c.round, max(price, 1)
	return m.price
}

func (c *chooser) priceOf(g *goal) int {
	if g.chosen != nil {
		return 0
	}
	least := c.price(g.ways[0])
	for _, m := range g.ways[1:] {
		least = min(least, c.price(m))
	}
	return least
}
