package planner

import (
	"cmp"
	"slices"

	"souk/router/plan"
)

func (c Cost) compare(other Cost) int {
	return cmp.Or(cmp.Compare(c.Requests, other.Requests), cmp.Compare(c.Levels, other.Levels))
}

// measure returns the cost of the plan that choices for the leaves lead to. It
// does what placing and scheduling do, without the selections.
func measure(leaves []*leaf, chosen []*edge) Cost {
	m := measurer{chosen: chosen, known: map[*edge][]*fetch{}}
	for _, l := range leaves {
		m.follow(chosen[l.id])
	}
	setLevels(m.fetches)
	delayToMerge(m.fetches)
	var c Cost
	for _, f := range m.fetches {
		c.Levels = max(c.Levels, f.level+1)
		if f.kind != plan.EntitiesFetch {
			c.Requests++
		}
	}
	c.Requests += len(mergeGroups(m.fetches))
	return c
}

type measurer struct {
	chosen  []*edge
	known   map[*edge][]*fetch // after which what an edge arrives at is known
	fetches []*fetch
}

func (m *measurer) follow(e *edge) []*fetch {
	known, ok := m.known[e]
	if ok {
		return known
	}
	switch e.kind {
	case rootEdge:
		known = m.root(e)
	case keyEdge:
		f := &fetch{kind: plan.EntitiesFetch, subgraph: e.subgraph, dependsOn: m.conditions(e, nil), deferID: e.deferID}
		m.fetches = append(m.fetches, f)
		known = []*fetch{f}
	default:
		known = m.conditions(e, m.follow(e.tail))
	}
	m.known[e] = known
	return known
}

func (m *measurer) root(e *edge) []*fetch {
	for _, f := range m.fetches {
		if f.kind != plan.EntitiesFetch && f.subgraph == e.subgraph && f.position == e.position && f.deferID == e.deferID {
			return []*fetch{f}
		}
	}
	f := &fetch{kind: plan.RootFetch, subgraph: e.subgraph, position: e.position, dependsOn: m.conditions(e, nil), deferID: e.deferID}
	m.fetches = append(m.fetches, f)
	return []*fetch{f}
}

func (m *measurer) conditions(e *edge, known []*fetch) []*fetch {
	if len(e.conditions) == 0 {
		return known
	}
	known = slices.Clone(known)
	for _, c := range e.conditions {
		for _, f := range m.follow(m.chosen[c.id]) {
			if !slices.Contains(known, f) {
				known = append(known, f)
			}
		}
	}
	return known
}
