package planner

import (
	"sync"

	"souk/internal/slab"
	"souk/router/supergraph"
)

// A scratch is the memory of one planning: what the stages need and the plan does not keep. It is
// used again for later plans, so nothing of it may be in a plan, an explanation or an error that
// the planner returns, unless the plan is a Draft.
type scratch struct {
	slots     slab.Slab[slot]
	slotLists slab.Slab[*slot]
	positions slab.Slab[position]
	fields    slab.Slab[tableEntry[*slot, *position]]
	narrowed  slab.Slab[tableEntry[*supergraph.Type, *position]]

	branches  slab.Slab[branch]
	downcasts slab.Slab[tableEntry[*supergraph.Type, *branch]]
	edges     slab.Slab[edge]
	out       slab.Slab[tableEntry[*position, *edge]]
	// Paths to conditions of entity jumps.
	conditionPaths slab.Slab[tableEntry[*position, *conditionPaths]]
	conditions     slab.Slab[conditionPaths]
	edgeLists      slab.Slab[*edge]
	leaves         slab.Slab[leaf]
	leafLists      slab.Slab[*leaf]
	jumps          slab.Slab[entityJump]
	jumpLists      slab.Slab[[]entityJump]
	made           slab.Slab[tableEntry[entityJump, *edge]]
	keys           slab.Slab[*supergraph.Key]
	names          slab.Slab[string]
	subgraphs      slab.Slab[*supergraph.Subgraph]
	needs          slab.Slab[need]
	anyOf          slab.Slab[anyOf]
	entered        slab.Slab[entered]

	nodes         slab.Slab[requestNode]
	requestGroups slab.Slab[requestGroup]
	indexes       slab.Slab[int32]
	indexLists    slab.Slab[[]int32]
	numbers       slab.Slab[int]
	flags         slab.Slab[bool]
	groups        slab.Slab[tableEntry[requestGroup, int32]]
	steps         slab.Slab[step]
	words         slab.Slab[uint64]

	rootFields slab.Slab[rootField]
	starts     slab.Slab[start]
	units      slab.Slab[unit]
	possible   slab.Slab[possiblePart]
	paths      slab.Slab[*possiblePart]
	costs      slab.Slab[Cost]
	parts      slab.Slab[part]

	deferrables slab.Slab[deferrable]
	choices     slab.Slab[edgeChoice]
	targets     slab.Slab[jumpTarget]
	measurer    measurer
	placements  slab.Slab[placement]
	placed      slab.Slab[*placement]

	fetches       slab.Slab[fetch]
	fetchLists    slab.Slab[*fetch]
	entities      slab.Slab[entityFetch]
	entityLists   slab.Slab[*entityFetch]
	selections    slab.Slab[selectionSet]
	selected      slab.Slab[selectedField]
	selectedLists slab.Slab[*selectedField]
	typed         slab.Slab[typedSelection]

	output output
}

// maxScratch is the size in bytes of a scratch that is kept for other plans in any case. Few operations need so
// much. A larger one, up to maxLarge, is kept only while plannings use it: after one that needs less than a
// quarter, its memory is freed.
const (
	maxScratch = 4 << 20
	maxLarge   = 32 << 20
)

// A reusable slab is one of a scratch.
type reusable interface {
	Reset()
	Used() int
	Bytes() int
}

func (s *scratch) slabs() [52]reusable {
	return [...]reusable{
		&s.slots, &s.slotLists, &s.positions, &s.fields, &s.narrowed,
		&s.branches, &s.downcasts, &s.edges, &s.out, &s.conditionPaths, &s.conditions, &s.edgeLists, &s.leaves, &s.leafLists, &s.jumps, &s.jumpLists, &s.made, &s.keys, &s.names, &s.subgraphs, &s.needs, &s.anyOf, &s.entered,
		&s.nodes, &s.requestGroups, &s.indexes, &s.indexLists, &s.numbers, &s.flags, &s.groups, &s.steps, &s.words,
		&s.rootFields, &s.starts, &s.units, &s.possible, &s.paths, &s.costs, &s.parts,
		&s.deferrables, &s.choices, &s.targets, &s.placements, &s.placed,
		&s.fetches, &s.fetchLists, &s.entities, &s.entityLists, &s.selections, &s.selected, &s.selectedLists, &s.typed,
	}
}

// A scratchPool keeps the scratches of plannings that have ended. The garbage collector empties it.
type scratchPool struct{ pool sync.Pool }

// scratches are for the next plans of any Planner. A pool of a Planner would keep it, and the graph that
// it is for, in memory until the second garbage collection after its last plan.
var scratches scratchPool

func (p *scratchPool) get() *scratch {
	if s, ok := p.pool.Get().(*scratch); ok {
		return s
	}
	return &scratch{}
}

// worthKeeping reports whether a scratch is for other plans.
func (s *scratch) worthKeeping() bool {
	size := s.measurer.bytes() + s.sum(reusable.Bytes)
	return size <= maxScratch || size <= maxLarge && s.sum(reusable.Used) >= size/4
}

// sum returns the sum of something of all slabs.
func (s *scratch) sum(of func(reusable) int) (sum int) {
	for _, slab := range s.slabs() {
		sum += of(slab)
	}
	for _, slab := range s.output.slabs() {
		sum += of(slab)
	}
	return sum
}

// put takes back a scratch that nothing refers to any more.
func (p *scratchPool) put(s *scratch) {
	if !s.worthKeeping() {
		return
	}
	for _, slab := range s.slabs() {
		slab.Reset()
	}
	for _, slab := range s.output.slabs() {
		slab.Reset()
	}
	s.output.reset()
	s.measurer.reset()
	p.pool.Put(s)
}
