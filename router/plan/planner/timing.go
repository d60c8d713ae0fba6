package planner

import (
	"encoding/binary"
	"slices"
	"time"

	"souk/router/plan"
)

// A fetchGraph has the fetches of a plan before they are merged, and how long
// each takes. It computes when payloads are complete for any way of merging.
type fetchGraph struct {
	// nodes are in an order in which each comes after those it depends on.
	nodes []*graphNode
	// families is the number of families.
	families int
	// payloads are in an order in which each comes after the one it is nested in.
	payloads []payload

	// began is scratch space of times: by batch, the time when it begins.
	began []time.Duration
	next  []int
}

// A graphNode is a fetch, or several entity fetches that wait for the same
// fetches: no one waits longer if those are merged.
type graphNode struct {
	fetches   []*fetch
	dependsOn []int
	latency   time.Duration
	payload   int // index in fetchGraph.payloads
	// family numbers the nodes that may become one request: entity fetches for
	// one subgraph and payload. A root fetch is a family of its own.
	family int
}

// A payload is the initial response, or a deferred one. It is complete when its
// fetches have ended, and its parent is complete.
type payload struct {
	deferID int
	parent  int // index in fetchGraph.payloads, or -1
}

// A batching assigns each node to a batch, which has the index of one of its
// nodes. The nodes of a batch become one request.
type batching []int

// canonical returns the same batching with each batch named by its lowest node.
func (b batching) canonical() batching {
	out, lowest := make(batching, len(b)), map[int]int{}
	for i, batch := range b {
		if _, ok := lowest[batch]; !ok {
			lowest[batch] = i
		}
		out[i] = lowest[batch]
	}
	return out
}

// newFetchGraph returns the graph of fetches that come after those they depend
// on.
func newFetchGraph(fetches []*fetch, deferred []*plan.DeferredPayload, l Latencies) *fetchGraph {
	g := &fetchGraph{payloads: []payload{{0, -1}}}
	index := map[int]int{0: 0}
	for _, d := range deferred {
		index[d.ID] = len(g.payloads)
		g.payloads = append(g.payloads, payload{d.ID, index[d.Parent]})
	}
	nodeOf := map[*fetch]int{}
	known := map[string]int{} // nodes by their family and what they wait for
	families := map[mergeGroup]int{}
	waits := [][]uint64{} // by node: all it waits for, as a set
	for _, f := range fetches {
		var after []uint64
		var dependsOn []int
		for _, d := range f.dependsOn {
			n := nodeOf[d]
			dependsOn = append(dependsOn, n)
			after = addBit(union(after, waits[n]), n)
		}
		family, ok := families[groupOfFamily(f)]
		if !ok || f.kind != plan.EntitiesFetch {
			family = g.families
			g.families++
		}
		if f.kind == plan.EntitiesFetch {
			families[groupOfFamily(f)] = family
			key := nodeKey(family, after)
			if n, ok := known[key]; ok {
				g.nodes[n].fetches = append(g.nodes[n].fetches, f)
				nodeOf[f] = n
				continue
			}
			known[key] = len(g.nodes)
		}
		nodeOf[f] = len(g.nodes)
		waits = append(waits, after)
		slices.Sort(dependsOn)
		node := &graphNode{fetches: []*fetch{f}, dependsOn: slices.Compact(dependsOn), payload: index[f.deferID], family: family}
		if f.kind != plan.SubscriptionFetch { // an event is there already
			node.latency = l[f.subgraph.Name]
		}
		g.nodes = append(g.nodes, node)
	}
	g.began, g.next = make([]time.Duration, len(g.nodes)), make([]int, len(g.nodes))
	return g
}

func groupOfFamily(f *fetch) mergeGroup { return mergeGroup{f.subgraph, f.deferID, 0} }

func nodeKey(family int, after []uint64) string {
	key := binary.AppendVarint(nil, int64(family))
	for _, word := range after {
		key = binary.LittleEndian.AppendUint64(key, word)
	}
	return string(key)
}

func addBit(set []uint64, i int) []uint64 {
	for len(set) <= i/64 {
		set = append(set, 0)
	}
	set[i/64] |= 1 << (i % 64)
	return set
}

func union(to, more []uint64) []uint64 {
	for len(to) < len(more) {
		to = append(to, 0)
	}
	for i, word := range more {
		to[i] |= word
	}
	return to
}

// unmerged is the batching in which each node is a request.
func (g *fetchGraph) unmerged() batching {
	b := make(batching, len(g.nodes))
	for i := range b {
		b[i] = i
	}
	return b
}

// byLevels is the batching that schedule makes without latencies. The levels of
// the fetches must be set.
func (g *fetchGraph) byLevels() batching {
	b, first := g.unmerged(), map[mergeGroup]int{}
	for i, n := range g.nodes {
		if f := n.fetches[0]; f.kind == plan.EntitiesFetch {
			if at, ok := first[groupOf(f)]; ok {
				b[i] = at
			} else {
				first[groupOf(f)] = i
			}
		}
	}
	return b
}

// requests is the number of batches.
func (b batching) requests() int {
	n := 0
	for i, batch := range b {
		if i == batch {
			n++
		}
	}
	return n
}

// Marks in fetchGraph.began of batches whose beginning is not known.
const (
	unknownBegin time.Duration = -1 - iota
	waitingBegin
)

// times returns when each payload is complete. It reports false if a batch would
// wait for itself.
func (g *fetchGraph) times(b batching, into []time.Duration) ([]time.Duration, bool) {
	for i := range g.nodes {
		g.began[i], g.next[i] = unknownBegin, -1
	}
	for i := len(b) - 1; i >= 0; i-- { // lists of the nodes of each batch
		if b[i] != i {
			g.next[i], g.next[b[i]] = g.next[b[i]], i
		}
	}
	into = append(into[:0], make([]time.Duration, len(g.payloads))...)
	for i, n := range g.nodes {
		began, ok := g.begin(b, b[i])
		if !ok {
			return nil, false
		}
		into[n.payload] = max(into[n.payload], began+n.latency)
	}
	for i, p := range g.payloads {
		if p.parent >= 0 {
			into[i] = max(into[i], into[p.parent])
		}
	}
	return into, true
}

// begin returns when a batch begins: when all that its nodes wait for has ended.
func (g *fetchGraph) begin(b batching, batch int) (time.Duration, bool) {
	switch began := g.began[batch]; began {
	case unknownBegin:
	case waitingBegin:
		return 0, false
	default:
		return began, true
	}
	g.began[batch] = waitingBegin
	var began time.Duration
	for i := batch; i >= 0; i = g.next[i] {
		for _, d := range g.nodes[i].dependsOn {
			at, ok := g.begin(b, b[d])
			if !ok {
				return 0, false
			}
			began = max(began, at+g.nodes[d].latency)
		}
	}
	g.began[batch] = began
	return began, true
}
