package planner

import (
	"slices"

	"souk/router/supergraph"
)

// needs are the requests that a lower bound counts.
//
// A field that one subgraph resolves needs a request to it. Along a path of fields there is one more where
// a field in between is resolved by others only, or where the subgraph requires something: the objects
// are known after an earlier request, and so the two cannot be one. What
// different paths need may be the same requests, so the most along a path count. First requests and
// later ones are never the same.
//
// A field that several subgraphs resolve needs a request to one of them. It counts if no other that counts can
// be the same.
type needs struct {
	of    []need // by Subgraph.Index
	count int    // the sum of their requests
	anyOf []anyOf
	round int // counts the calls of total
}

// A need is what fields that one subgraph resolves need of it.
type need struct {
	first bool // whether a first request is needed
	// all is the most requests along a path, later the most that are later ones.
	all, later int
	// path counts those along the present path.
	path struct{ all, later int }
	// first and later requests that a need of several subgraphs may be met by, by the round of the count.
	firstOf, laterOf int
}

// requests returns how many there are at least.
func (n *need) requests() int {
	if n.first {
		return max(n.all, n.later+1)
	}
	return n.all
}

// An anyOf is a need of a request to one of several subgraphs.
type anyOf struct {
	subgraphs []*supergraph.Subgraph
	order     order
}

// An order says whether a request is one of the first, which fetch root fields, or a later one, which
// waits for others.
type order uint8

const (
	anyRequest order = iota
	firstRequest
	laterRequest
)

// enter adds a request to the present path, and leave takes it away.
func (n *needs) enter(g *supergraph.Subgraph, o order) {
	of := &n.of[g.Index]
	n.count -= of.requests()
	of.first = of.first || o == firstRequest
	of.path.all++
	if o == laterRequest {
		of.path.later++
	}
	of.all, of.later = max(of.all, of.path.all), max(of.later, of.path.later)
	n.count += of.requests()
}

func (n *needs) leave(g *supergraph.Subgraph, o order) {
	of := &n.of[g.Index]
	of.path.all--
	if o == laterRequest {
		of.path.later--
	}
}

// total returns how many requests are needed at least.
func (n *needs) total() int {
	n.round++
	total := n.count
	slices.SortStableFunc(n.anyOf, func(a, b anyOf) int { return len(a.subgraphs) - len(b.subgraphs) })
	for _, a := range n.anyOf {
		if slices.ContainsFunc(a.subgraphs, func(g *supergraph.Subgraph) bool { return n.mayMeet(&n.of[g.Index], a.order) }) {
			continue
		}
		total++
		for _, g := range a.subgraphs {
			of := &n.of[g.Index]
			if a.order != laterRequest {
				of.firstOf = n.round
			}
			if a.order != firstRequest {
				of.laterOf = n.round
			}
		}
	}
	return total
}

// mayMeet reports whether a request to a subgraph that has been counted may be one of an order.
func (n *needs) mayMeet(of *need, o order) bool {
	others := of.requests() // but the first
	if of.first {
		others--
	}
	first := of.first || of.all > of.later || of.firstOf == n.round
	later := others > 0 || of.laterOf == n.round
	return first && o != laterRequest || later && o != firstRequest
}
