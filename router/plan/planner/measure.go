package planner

import (
	"slices"
	"unsafe"

	"souk/internal/slab"
	"souk/router/plan"
)

// measure returns the cost of the plan that choices for the leaves lead to. It
// does what placing and scheduling do, without the selections. defers is set if there are
// deferred payloads.
func measure(memory *scratch, leaves []*leaf, chosen []*edge, defers bool) Cost {
	m := &memory.measurer
	m.reset()
	m.chosen = chosen
	for _, l := range leaves {
		m.follow(chosen[l.id])
	}
	setLevels(m.fetches)
	delayToMerge(m.fetches)
	c := m.count()
	if defers {
		m.fetches = slices.DeleteFunc(m.fetches, func(f *fetch) bool { return f.deferID > 0 })
		c = c.withInitial(m.count())
	}
	return c
}

// count returns the cost of the fetches, which have levels.
func (m *measurer) count() (c Cost) {
	for _, f := range m.fetches {
		c.Levels = max(c.Levels, f.level+1)
		if f.kind != plan.EntitiesFetch {
			c.Requests++
		}
	}
	c.Requests += countMergeGroups(m.fetches)
	return c
}

// A measurer computes costs, one after another, in the same memory.
type measurer struct {
	chosen  []*edge
	known   []knownAfter // by edge.id
	fetches []*fetch
	// round counts the costs, and tells what is known in the present one.
	round int

	fetchMemory slab.Slab[fetch]
	listMemory  slab.Slab[*fetch]
}

// A knownAfter has the fetches after which what an edge arrives at is known.
type knownAfter struct {
	round   int
	fetches []*fetch
}

func (m *measurer) reset() {
	m.chosen, m.fetches = nil, nil
	m.round++
	m.fetchMemory.Reset()
	m.listMemory.Reset()
}

func (m *measurer) bytes() int {
	return len(m.known)*int(unsafe.Sizeof(knownAfter{})) + m.fetchMemory.Bytes() + m.listMemory.Bytes()
}

func (m *measurer) follow(e *edge) []*fetch {
	if missing := e.id + 1 - len(m.known); missing > 0 {
		m.known = append(m.known, make([]knownAfter, missing)...)
	}
	if m.known[e.id].round == m.round {
		return m.known[e.id].fetches
	}
	var known []*fetch
	switch e.kind {
	case rootEdge:
		known = m.root(e)
	case keyEdge:
		known = m.add(fetch{kind: plan.EntitiesFetch, subgraph: e.subgraph, dependsOn: m.conditions(e, nil), deferID: e.deferID})
	default:
		known = m.conditions(e, m.follow(e.tail))
	}
	m.known[e.id] = knownAfter{m.round, known}
	return known
}

func (m *measurer) add(value fetch) []*fetch {
	f := m.fetchMemory.Of(value)
	m.fetches = m.listMemory.Append(m.fetches, f)
	return m.listMemory.Append(nil, f)
}

func (m *measurer) root(e *edge) []*fetch {
	for _, f := range m.fetches {
		if f.kind != plan.EntitiesFetch && f.subgraph == e.subgraph && f.position == e.position && f.deferID == e.deferID {
			return m.listMemory.Append(nil, f)
		}
	}
	return m.add(fetch{kind: plan.RootFetch, subgraph: e.subgraph, position: e.position, dependsOn: m.conditions(e, nil), deferID: e.deferID})
}

func (m *measurer) conditions(e *edge, known []*fetch) []*fetch {
	known = known[:len(known):len(known)]
	for _, c := range e.conditions {
		for _, f := range m.follow(m.chosen[c.id]) {
			if !slices.Contains(known, f) {
				known = m.listMemory.Append(known, f)
			}
		}
	}
	return known
}
