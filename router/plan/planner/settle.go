package planner

import (
	"cmp"
	"slices"
)

// A settler chooses paths for leaves, given the groups that are asked on each level.
// The requests are decided, so it looks for few entities and then for few fields, in
// the way of the chooser: leaf after leaf, by what a path adds. A leaf that is
// needed for a request has a path that is known before its level.
type settler struct {
	graph *requestGraph
	known knowledge
	// total is the price of all that was chosen.
	total int
	// deadlines are the levels after which leaves must be known.
	deadlines []int
	taken     []bool
	prices    []int // valid in the round of rounds
	rounds    []int
	round     int
	chosen    []*edge // by index of the leaf

	// Scratch space.
	open   []int32
	order  []int32
	counts []int
	now    []bool
}

// entityPrice is the price of an entity jump whose request is made anyway.
const entityPrice = 1000

// settle returns a path for each leaf that has one, by leaf.id, sets the levels of
// the requests, and returns what they cost and what is left of the budget. There are
// that many leaves.
//
// The first choice is greedy. Then each of its entity jumps is left out in turn, to see
// whether the rest does with less.
func settle(graph *requestGraph, asked [][]int, leaves, budget int) ([]*edge, Cost, int) {
	graph.looks = 0
	best := newSettler(graph)
	best.settle(asked)
	var other *settler
	needed := best.needed()
	for i := 0; i < len(graph.nodes) && graph.looks < budget; i++ {
		if !best.taken[i] || graph.edges[i].kind != keyEdge || needed[i] {
			continue
		}
		if other == nil {
			other = newSettler(graph)
		}
		graph.omitted[i] = true
		if other.settle(asked) && other.total < best.total {
			best, other = other, best
			i = -1 // once more
			continue
		}
		graph.omitted[i] = false
	}
	chosen, cost := best.result(leaves)
	return chosen, cost, budget - graph.looks
}

func newSettler(graph *requestGraph) *settler {
	m := graph.memory
	return &settler{
		graph: graph, known: graph.nothing(), deadlines: m.numbers.Make(len(graph.leaves)),
		taken: m.flags.Make(len(graph.nodes)), prices: m.numbers.Make(len(graph.nodes)), rounds: m.numbers.Make(len(graph.nodes)),
		chosen: m.edgeLists.Make(len(graph.leaves)), open: m.indexes.Make(len(graph.nodes)), order: m.indexes.Make(graph.goals), counts: m.numbers.Make(len(graph.leaves)),
		now: m.flags.Make(len(graph.groups)),
	}
}

// needed finds root and key edges that no choice can leave out: they are the heads of all paths to a leaf that is
// needed.
func (s *settler) needed() []bool {
	needed := s.graph.memory.flags.Make(len(s.graph.nodes))
	seen := s.graph.memory.flags.Make(len(s.graph.leaves))
	open := s.graph.memory.indexes.Make(len(s.graph.leaves))[:0]
	add := func(l int32) {
		if !seen[l] {
			seen[l] = true
			open = append(open, l)
		}
	}
	for l := range s.graph.goals {
		add(int32(l))
	}
	for n := 0; n < len(open); n++ {
		if head := s.onlyHead(open[n]); head >= 0 && !needed[head] {
			needed[head] = true
			for _, c := range s.graph.nodes[head].conditions {
				add(c)
			}
		}
	}
	return needed
}

// onlyHead returns the edge that all paths to a leaf begin with; -1 if they differ.
func (s *settler) onlyHead(l int32) int32 {
	only := int32(-1)
	for _, i := range s.graph.candidates[l] {
		if s.known.edges[i] == 0 {
			continue
		}
		for s.graph.nodes[i].tail >= 0 {
			i = s.graph.nodes[i].tail
		}
		if only >= 0 && only != i {
			return -1
		}
		only = i
	}
	return only
}

// settle chooses paths, and reports whether there are enough.
func (s *settler) settle(asked [][]int) bool {
	s.total = 0
	s.round++
	clear(s.taken)
	clear(s.chosen)
	s.learn(asked)
	if !s.graph.answered(s.known) {
		return false
	}
	clear(s.counts)
	for l, list := range s.graph.candidates {
		for _, i := range list {
			if s.allowed(int32(l), i) {
				s.counts[l]++
			}
		}
	}
	for l := range s.order {
		s.order[l] = int32(l)
	}
	slices.SortStableFunc(s.order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(s.graph.leaves[a].deferID, s.graph.leaves[b].deferID), cmp.Compare(s.counts[a], s.counts[b]))
	})
	for _, l := range s.order {
		s.satisfy(l)
	}
	return true
}

// learn computes what is known after the requests, and when leaves must be known.
func (s *settler) learn(asked [][]int) {
	g := s.graph
	clear(s.known.edges)
	clear(s.known.leaves)
	open, next := s.open[:0], 0
	for level, groups := range asked {
		clear(s.now)
		for _, group := range groups {
			s.now[group] = true
		}
		for ; next < g.reached[min(level+1, len(g.reached)-1)]; next++ {
			if !g.omitted[next] {
				open = append(open, int32(next))
			}
		}
		open = g.ask(level+1, s.now, s.known, open)
	}
	for l := range s.deadlines {
		s.deadlines[l] = len(asked)
	}
	for i := range g.nodes {
		n := &g.nodes[i]
		if s.known.edges[i] == 0 {
			continue
		}
		for _, c := range n.conditions {
			if n.group >= 0 {
				s.deadlines[c] = min(s.deadlines[c], s.known.edges[i]-1)
			} else { // what is below may be needed as soon as it is known
				s.deadlines[c] = min(s.deadlines[c], s.known.leaves[c])
			}
		}
	}
}

// result returns the chosen paths, and what they cost.
func (s *settler) result(leaves int) ([]*edge, Cost) {
	chosen := s.graph.memory.edgeLists.Make(leaves)
	for l, leaf := range s.graph.leaves {
		chosen[leaf.id] = s.chosen[l]
	}
	type request struct{ group, level int }
	requests, levels := map[request]bool{}, 0
	for i, n := range s.graph.nodes {
		if s.taken[i] && n.group >= 0 {
			level := s.known.edges[i]
			s.graph.edges[i].level = level
			requests[request{int(n.group), level}] = true
			levels = max(levels, level)
		}
	}
	c := Cost{Requests: len(requests), Levels: levels}
	if s.graph.defers {
		initial := Cost{}
		for r := range requests {
			if s.graph.groups[r.group].deferID == 0 {
				initial.Requests++
				initial.Levels = max(initial.Levels, r.level)
			}
		}
		c = c.withInitial(initial)
	}
	return chosen, c
}

// allowed reports whether a candidate of a leaf is known in time.
func (s *settler) allowed(l, i int32) bool {
	level := s.known.edges[i]
	return level > 0 && level <= s.deadlines[l]
}

// satisfy picks a path for a leaf.
func (s *settler) satisfy(l int32) {
	if s.chosen[l] != nil {
		return
	}
	best := int32(-1)
	for _, i := range s.graph.candidates[l] {
		if s.allowed(l, i) && (best < 0 || s.compare(i, best) < 0) {
			best = i
		}
	}
	s.chosen[l] = s.graph.edges[best]
	s.take(best)
}

func (s *settler) compare(i, j int32) int {
	a, b := s.graph.edges[i], s.graph.edges[j]
	return cmp.Or(cmp.Compare(s.price(i), s.price(j)), cmp.Compare(s.known.edges[i], s.known.edges[j]), cmp.Compare(a.depth, b.depth), cmp.Compare(a.subgraph.Index, b.subgraph.Index))
}

// take chooses an edge with the path before it.
func (s *settler) take(i int32) {
	for ; i >= 0 && !s.taken[i]; i = s.graph.nodes[i].tail {
		s.taken[i] = true
		s.total += s.ownPrice(i)
		s.round++
		for _, c := range s.graph.nodes[i].conditions {
			s.satisfy(c)
		}
	}
}

// price is what an edge adds to what has been chosen.
func (s *settler) price(i int32) int {
	if s.taken[i] {
		return 0
	}
	if s.rounds[i] == s.round {
		return s.prices[i]
	}
	n := &s.graph.nodes[i]
	price := s.ownPrice(i)
	if n.tail >= 0 {
		price += s.price(n.tail)
	}
	for _, c := range n.conditions {
		if s.chosen[c] != nil {
			continue
		}
		least := -1
		for _, j := range s.graph.candidates[c] {
			if !s.allowed(c, j) {
				continue
			}
			if p := s.price(j); least < 0 || p < least {
				least = p
			}
		}
		price += max(least, 0)
	}
	s.prices[i], s.rounds[i] = price, s.round
	return price
}

// ownPrice is the price of an edge without the path before it and its conditions.
func (s *settler) ownPrice(i int32) int {
	switch s.graph.edges[i].kind {
	case rootEdge, fieldEdge:
		return fieldCost
	case keyEdge:
		return entityPrice
	}
	return 0
}
