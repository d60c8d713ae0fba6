package planner

import (
	"slices"

	"souk/router/supergraph"
)

// A requestGraph has the edges of paths that can matter for a part, and says what is
// known after which requests.
type requestGraph struct {
	// edges are in an order in which each comes after its tail and, as far as possible,
	// after what else it needs. A node is what is known of an edge by its index here.
	edges []*edge
	nodes []requestNode
	// leaves are those of the part, the goals, and the conditions of edges.
	leaves     []*leaf
	candidates [][]int32 // by leaf: indexes of its candidates
	goals      int
	groups     []requestGroup
	// reached has the number of nodes that can be known after each level, from level 0 on.
	reached []int
	// omitted are the nodes that are left out.
	omitted []bool
	// late is set if edges other than those of requests have conditions.
	late bool
	// defers is set if there are deferred payloads. Then the requests of the initial one are limited, and
	// initial, unless nil, are some that suffice for it, by level.
	defers  bool
	initial [][]requestGroup
	// looks counts the nodes that have been looked at.
	looks  int
	memory *scratch
}

// A requestNode is an edge. Its numbers are indexes in the graph.
type requestNode struct {
	group      int32 // of the request that a root or key edge makes; otherwise -1
	tail       int32 // -1 for a root or key edge
	conditions []int32
	// of are the leaves that it is a candidate of.
	of []int32
}

// A requestGroup is a set of edges that are one request if they are on one level:
// entity requests to one subgraph, or root requests at one position.
type requestGroup struct {
	subgraph *supergraph.Subgraph
	deferID  int
	position *position // of a root request
	// first is set for a root request that waits for nothing.
	first bool
}

// A knowledge says after which level edges and leaves are known, counted from 1; 0 is for
// those that are not.
type knowledge struct{ edges, leaves []int }

func (g *requestGraph) nothing() knowledge {
	return knowledge{g.memory.numbers.Make(len(g.nodes)), g.memory.numbers.Make(len(g.leaves))}
}

// newRequestGraph returns the graph of the paths to some leaves. There are that many
// edges and leaves.
func newRequestGraph(memory *scratch, goals []*leaf, edges, leaves int) *requestGraph {
	g := &requestGraph{memory: memory}
	edgeAt, leafAt := memory.indexes.Make(edges), memory.indexes.Make(leaves) // indexes + 1
	addLeaf := func(l *leaf) {
		if leafAt[l.id] == 0 {
			g.leaves = memory.leafLists.Append(g.leaves, l)
			leafAt[l.id] = int32(len(g.leaves))
		}
	}
	for _, l := range goals {
		addLeaf(l)
	}
	g.goals = len(g.leaves) // a leaf may be given twice
	byID, count := memory.edgeLists.Make(edges), 0
	for i := 0; i < len(g.leaves); i++ {
		for _, e := range g.leaves[i].candidates {
			for ; e != nil && byID[e.id] == nil; e = e.tail {
				byID[e.id] = e
				count++
				for _, c := range e.conditions {
					addLeaf(c)
				}
			}
		}
	}
	g.edges = memory.edgeLists.Make(count)[:0]
	for _, e := range byID {
		if e != nil {
			g.edges = append(g.edges, e)
		}
	}
	g.connect(edgeAt, leafAt)
	// Each comes after what it needs at the earliest. What cannot be reached is left out.
	g.sort(g.earliest())
	return g
}

// sort orders the edges by level, and leaves out those with the level 0.
func (g *requestGraph) sort(levels []int) {
	last := 0
	for _, level := range levels {
		last = max(last, level)
	}
	order, at := g.memory.indexes.Make(len(g.nodes))[:0], g.memory.indexes.Make(len(g.nodes)) // at has indexes + 1
	g.reached = g.memory.numbers.Append(nil, 0)
	for level := 1; level <= last; level++ {
		for i := range levels {
			if levels[i] == level {
				order = append(order, int32(i))
				at[i] = int32(len(order))
			}
		}
		g.reached = g.memory.numbers.Append(g.reached, len(order))
	}
	edges, nodes := g.memory.edgeLists.Make(len(order)), g.memory.nodes.Make(len(order))
	groups := g.memory.requestGroups.Make(len(g.groups))[:0]
	groupAt := g.memory.indexes.Make(len(g.groups)) // indexes + 1
	for i, old := range order {
		edges[i] = g.edges[old]
		n := g.nodes[old]
		if n.tail >= 0 {
			n.tail = at[n.tail] - 1
		}
		if n.group >= 0 {
			if groupAt[n.group] == 0 {
				groups = append(groups, g.groups[n.group])
				groupAt[n.group] = int32(len(groups))
			}
			n.group = groupAt[n.group] - 1
		}
		nodes[i] = n
	}
	for l, list := range g.candidates {
		kept := list[:0]
		for _, i := range list {
			if at[i] != 0 {
				kept = append(kept, at[i]-1)
			}
		}
		g.candidates[l] = kept
	}
	g.edges, g.nodes, g.groups, g.omitted = edges, nodes, groups, g.omitted[:len(order)]
}

// connect makes the nodes of the edges, in their order, and the groups. edgeAt and leafAt are indexes
// + 1 of edges and leaves by their IDs.
func (g *requestGraph) connect(edgeAt, leafAt []int32) {
	var groups table[requestGroup, int32]
	g.groups, g.nodes, g.omitted = nil, g.memory.nodes.Make(len(g.edges)), g.memory.flags.Make(len(g.edges))
	for i, e := range g.edges {
		edgeAt[e.id] = int32(i + 1)
		n := requestNode{group: -1, tail: -1}
		n.conditions = g.memory.indexes.Make(len(e.conditions))
		for c, condition := range e.conditions {
			n.conditions[c] = leafAt[condition.id] - 1
		}
		if e.tail != nil {
			n.tail = edgeAt[e.tail.id] - 1
			g.late = g.late || len(e.conditions) > 0
		} else {
			n.group = g.group(e, &groups)
		}
		g.nodes[i] = n
	}
	g.candidates = g.memory.indexLists.Make(len(g.leaves))
	for i, l := range g.leaves {
		g.candidates[i] = g.memory.indexes.Make(len(l.candidates))[:0]
		for _, e := range l.candidates {
			if edgeAt[e.id] == 0 {
				continue
			}
			n := &g.nodes[edgeAt[e.id]-1]
			n.of = g.memory.indexes.Append(n.of, int32(i))
			g.candidates[i] = append(g.candidates[i], edgeAt[e.id]-1)
		}
	}
}

// group returns the group of a root or key edge.
func (g *requestGraph) group(e *edge, known *table[requestGroup, int32]) int32 {
	group := requestGroup{subgraph: e.subgraph, deferID: e.deferID}
	if e.kind == rootEdge {
		group.position, group.first = e.position, len(e.conditions) == 0
	}
	i, ok := known.get(group)
	if !ok {
		i = int32(len(g.groups))
		known.put(&g.memory.groups, group, i)
		g.groups = g.memory.requestGroups.Append(g.groups, group)
	}
	return i
}

// requests returns the groups that are asked on each level.
func (g *requestGraph) requests(asked [][]int) [][]requestGroup {
	out := make([][]requestGroup, len(asked))
	for level, groups := range asked {
		for _, i := range groups {
			out[level] = append(out[level], g.groups[i])
		}
	}
	return out
}

// answered reports whether everything that was selected is known.
func (g *requestGraph) answered(k knowledge) bool {
	return !slices.Contains(k.leaves[:g.goals], 0)
}

// knowing returns after which level the conditions and the path before a node are
// known; 0 if they are not.
func (n *requestNode) knowing(k knowledge) int {
	level := 0
	if n.tail >= 0 {
		if level = k.edges[n.tail]; level == 0 {
			return 0
		}
	}
	for _, c := range n.conditions {
		if k.leaves[c] == 0 {
			return 0
		}
		level = max(level, k.leaves[c])
	}
	return level
}

// know notes that an edge is known after a level.
func (g *requestGraph) know(k knowledge, i, level int) {
	k.edges[i] = level
	for _, l := range g.nodes[i].of {
		if k.leaves[l] == 0 || level < k.leaves[l] {
			k.leaves[l] = level
		}
	}
}

// ask notes what is known after a level on which some groups are asked. open has the nodes that may be known by
// now but are not. It returns those that still are not.
func (g *requestGraph) ask(level int, groups []bool, k knowledge, open []int32) []int32 {
	for again := true; again; {
		again = false
		g.looks += len(open)
		still := open[:0]
		for _, i := range open {
			if g.known(&g.nodes[i], level, groups, k) {
				g.know(k, int(i), level)
				again = g.late
			} else {
				still = append(still, i)
			}
		}
		open = still
	}
	return open
}

// known reports whether a node is known after a level on which some groups are asked.
func (g *requestGraph) known(n *requestNode, level int, groups []bool, k knowledge) bool {
	switch {
	case n.group < 0:
		return n.knowing(k) > 0
	case !groups[n.group]:
		return false
	case len(n.conditions) == 0:
		return level == 1
	}
	before := n.knowing(k)
	return before > 0 && before < level
}

// earliest returns after which level edges are known if all groups are asked on every level.
func (g *requestGraph) earliest() []int {
	k := g.nothing()
	for again := true; again; { // two jumps may be conditions of each other
		again = false
		g.looks += len(g.nodes)
		for i := range g.nodes {
			n := &g.nodes[i]
			level := n.knowing(k)
			if n.group >= 0 && (level > 0 || len(n.conditions) == 0) {
				level++
			}
			if level > 0 && (k.edges[i] == 0 || level < k.edges[i]) {
				g.know(k, i, level)
				again = true
			}
		}
	}
	return k.edges
}
