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
	// omitted are the nodes that are left out.
	omitted []bool
	// late is set if edges other than those of requests have conditions.
	late bool
	// looks counts the nodes that have been looked at.
	looks  int
	memory *scratch
	open   []int32 // scratch space
}

// A requestNode is an edge. Its numbers are indexes in the graph.
type requestNode struct {
	group      int32 // of the request that a root or key edge makes; otherwise -1
	tail       int32 // -1 for a root or key edge
	request    int32 // the root or key edge that its path begins with
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

// neededParts are the edges that could help to answer, and the groups that have one.
type neededParts struct{ edges, leaves, groups []bool }

func (g *requestGraph) nothing() knowledge {
	return knowledge{g.memory.numbers.Make(len(g.nodes)), g.memory.numbers.Make(len(g.leaves))}
}

func (g *requestGraph) noneNeeded() neededParts {
	return neededParts{g.memory.flags.Make(len(g.nodes)), g.memory.flags.Make(len(g.leaves)), g.memory.flags.Make(len(g.groups))}
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
	earliest := g.nothing()
	g.reach(0, g.nothing(), memory.flags.Make(len(g.groups)), -1, earliest)
	last := 0
	for _, level := range earliest.edges {
		last = max(last, level)
	}
	ordered := memory.edgeLists.Make(count)[:0]
	for level := range last {
		for i, e := range g.edges {
			if earliest.edges[i] == level+1 {
				ordered = append(ordered, e)
			}
		}
	}
	g.edges = ordered
	clear(edgeAt)
	g.connect(edgeAt, leafAt)
	return g
}

// connect makes the nodes of the edges, in their order, and the groups. edgeAt and leafAt are indexes
// + 1 of edges and leaves by their IDs.
func (g *requestGraph) connect(edgeAt, leafAt []int32) {
	groups := map[requestGroup]int32{}
	g.groups, g.nodes, g.omitted = nil, g.memory.nodes.Make(len(g.edges)), g.memory.flags.Make(len(g.edges))
	for i, e := range g.edges {
		edgeAt[e.id] = int32(i + 1)
		n := requestNode{group: -1, tail: -1, request: int32(i)}
		for _, c := range e.conditions {
			n.conditions = g.memory.indexes.Append(n.conditions, leafAt[c.id]-1)
		}
		if e.tail != nil {
			n.tail = edgeAt[e.tail.id] - 1
			n.request = g.nodes[n.tail].request
			g.late = g.late || len(e.conditions) > 0
		} else {
			n.group = g.group(e, groups)
		}
		g.nodes[i] = n
	}
	g.candidates = g.memory.indexLists.Make(len(g.leaves))
	for i, l := range g.leaves {
		for _, e := range l.candidates {
			if edgeAt[e.id] == 0 {
				continue
			}
			n := &g.nodes[edgeAt[e.id]-1]
			n.of = g.memory.indexes.Append(n.of, int32(i))
			g.candidates[i] = g.memory.indexes.Append(g.candidates[i], edgeAt[e.id]-1)
		}
	}
}

// group returns the group of a root or key edge.
func (g *requestGraph) group(e *edge, known map[requestGroup]int32) int32 {
	group := requestGroup{subgraph: e.subgraph, deferID: e.deferID}
	if e.kind == rootEdge {
		group.position, group.first = e.position, len(e.conditions) == 0
	}
	i, ok := known[group]
	if !ok {
		i = int32(len(g.groups))
		known[group] = i
		g.groups = append(g.groups, group)
	}
	return i
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

// ask computes what is known after a level on which some groups are asked, and returns
// how many goals have become known.
func (g *requestGraph) ask(level int, before knowledge, groups []bool, after knowledge) (gain int) {
	copy(after.edges, before.edges)
	copy(after.leaves, before.leaves)
	for again := true; again; {
		again = false
		g.looks += len(g.nodes)
		for i := range g.nodes {
			n := &g.nodes[i]
			switch {
			case after.edges[i] != 0 || g.omitted[i]:
				continue
			case n.group < 0 && n.knowing(after) == 0:
				continue
			case n.group >= 0 && (!groups[n.group] || len(n.conditions) == 0 && level > 1 || !g.enables(n, before)):
				continue
			}
			g.know(after, i, level)
			again = again || g.late
		}
	}
	for l := range g.goals {
		if before.leaves[l] == 0 && after.leaves[l] != 0 {
			gain++
		}
	}
	return gain
}

// enables reports whether a root or key edge has all that it needs.
func (g *requestGraph) enables(n *requestNode, k knowledge) bool {
	return len(n.conditions) == 0 || n.knowing(k) > 0
}

// reach computes after which level everything is known at the earliest, if all groups
// are asked on every level after those that are done: all but the group without, and those
// that are never asked any more. It returns the levels that an answer needs; false if
// there is none.
func (g *requestGraph) reach(done int, known knowledge, never []bool, without int, k knowledge) (levels int, ok bool) {
	copy(k.edges, known.edges)
	copy(k.leaves, known.leaves)
	for again := true; again; { // two jumps may be conditions of each other
		again = false
		g.looks += len(g.nodes)
		for i := range g.nodes {
			if known.edges[i] > 0 {
				continue
			}
			n, level := &g.nodes[i], 0
			switch {
			case n.group < 0:
				level = n.knowing(k)
			case never[n.group] || int(n.group) == without:
			case len(n.conditions) > 0:
				if level = n.knowing(k); level > 0 {
					level = max(level, done) + 1
				}
			case done == 0:
				level = 1
			}
			if level > 0 && (k.edges[i] == 0 || level < k.edges[i]) {
				g.know(k, i, level)
				again = true
			}
		}
	}
	for _, level := range k.leaves[:g.goals] {
		if level == 0 {
			return 0, false
		}
		levels = max(levels, level)
	}
	return levels, true
}

// need computes which edges could help to answer, of those that are not known but
// can be reached.
func (g *requestGraph) need(known, reached knowledge, into neededParts) {
	clear(into.edges)
	clear(into.leaves)
	clear(into.groups)
	g.looks += len(g.nodes)
	g.open = g.open[:0]
	for l := range g.goals {
		g.needLeaf(int32(l), known, into)
	}
	for len(g.open) > 0 {
		l := g.open[len(g.open)-1]
		g.open = g.open[:len(g.open)-1]
		for _, i := range g.candidates[l] {
			for i >= 0 && !into.edges[i] && known.edges[i] == 0 && reached.edges[i] > 0 {
				n := &g.nodes[i]
				into.edges[i] = true
				if n.group >= 0 {
					into.groups[n.group] = true
				}
				for _, c := range n.conditions {
					g.needLeaf(c, known, into)
				}
				i = n.tail
			}
		}
	}
}

func (g *requestGraph) needLeaf(l int32, known knowledge, into neededParts) {
	if known.leaves[l] == 0 && !into.leaves[l] {
		into.leaves[l] = true
		g.open = append(g.open, l)
	}
}

// enabled returns the groups with a needed edge that has all it needs.
func (g *requestGraph) enabled(k knowledge, needed neededParts, never []bool) (groups []int) {
	for i := range g.nodes {
		n := &g.nodes[i]
		if n.group >= 0 && needed.edges[i] && !never[n.group] && k.edges[i] == 0 && g.enables(n, k) && !slices.Contains(groups, int(n.group)) {
			groups = append(groups, int(n.group))
		}
	}
	slices.Sort(groups)
	return groups
}

// findClauses finds, for each goal that is not known, the groups of which one must be
// asked for it. A clause is empty where that is not certain.
func (g *requestGraph) findClauses(known, reached knowledge, clauses [][]int) {
	for l := range clauses {
		clauses[l] = clauses[l][:0]
	}
	for i := range g.nodes {
		if reached.edges[i] == 0 {
			continue
		}
		n := &g.nodes[i]
		for _, l := range n.of {
			if int(l) >= g.goals || known.leaves[l] > 0 {
				continue
			}
			if group := int(g.nodes[n.request].group); !slices.Contains(clauses[l], group) {
				clauses[l] = g.memory.numbers.Append(clauses[l], group)
			}
		}
	}
	for i := range g.nodes {
		// A path whose request is made only waits for a condition.
		if n := &g.nodes[i]; reached.edges[i] > 0 && known.edges[n.request] > 0 {
			for _, l := range n.of {
				if int(l) < g.goals {
					clauses[l] = clauses[l][:0]
				}
			}
		}
	}
}
