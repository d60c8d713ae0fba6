package planner

import (
	"fmt"
	"slices"
	"strings"

	"souk/router/operation"
	"souk/router/plan"
)

// An Explanation describes how the planner came to a plan.
type Explanation struct {
	// Bound has requests and levels that no plan can do with less, Greedy
	// those of the plan that the chooser found first, and Chosen those of the
	// plan that was made. The levels of a mutation are those of its parts, one after
	// another.
	Bound  Cost `json:"bound"`
	Greedy Cost `json:"greedy"`
	Chosen Cost `json:"chosen"`
	// Search reports whether a better plan was searched for.
	Search Search `json:"search"`
	// Edges are the edges of the query graph that were looked at.
	Edges int `json:"edges"`
	// Decisions are the leaves of the operation and of the keys and
	// requirements that its plan needs, in the order they were found.
	Decisions []Decision `json:"decisions"`
	// Batching says what latencies of subgraphs changed; nil if none are used.
	Batching *Batching `json:"batching,omitempty"`
}

// Search is the outcome of the search for a better plan.
type Search string

// The outcomes of a search.
const (
	// NotSearched: the greedy plan meets the lower bound.
	NotSearched Search = "not needed"
	// Exact: the search was complete, so no plan costs less. Requests of the initial payload fetch what
	// only a deferred fragment selects if no entity request in the fragment can; otherwise only keys,
	// and what fields require. A field of an @interfaceObject that is selected for some types is fetched
	// when the type is known.
	Exact Search = "exact"
	// Incomplete: the search ended at a limit, with the best plan until then.
	Incomplete Search = "incomplete"
)

// A Decision is the choice of a path for one leaf.
type Decision struct {
	// Path is the leaf's response path: "topProducts.reviews.body".
	Path string `json:"path"`
	// NeededFor is the entity jump, or the downcast, that the leaf is a
	// condition of; empty for a leaf of the operation.
	NeededFor string `json:"neededFor,omitempty"`
	// Candidates are the paths that lead to the leaf, at least one.
	Candidates []Candidate `json:"candidates"`
	// Reason states why one of them was chosen.
	Reason string `json:"reason"`
}

// A Candidate is a path to a leaf.
type Candidate struct {
	// Path in the query graph: "products: Query > topProducts > name", or, from
	// the last entity jump on, "reviews: Product @key(upc) > reviews > body".
	Path string `json:"path"`
	// Cost estimates the whole path on its own: 1000 for each request and 1 for
	// each field.
	Cost int `json:"cost"`
	// Added is what the path adds to what was chosen before it; -1 for a choice
	// that the search made, which compares whole plans.
	Added  int  `json:"added"`
	Chosen bool `json:"chosen"`
}

// Explain plans an operation like Plan and reports how the plan was found.
func (p *Planner) Explain(op *operation.Operation, labels ...string) (*plan.Plan, Explanation, error) {
	return p.plan(op, labels, map[*leaf][]int{}, nil)
}

// ExplainBy plans an operation like PlanBy and reports how the plan was found.
func (p *Planner) ExplainBy(op *operation.Operation, l Latencies, labels ...string) (*plan.Plan, Explanation, error) {
	return p.plan(op, labels, map[*leaf][]int{}, &weigher{latencies: l, explains: true})
}

// decide adds the decisions of the parts of an operation.
func (x *Explanation) decide(c *chooser, parts []part) {
	for _, part := range parts {
		searched := NotSearched
		if part.searched {
			searched = x.Search
		}
		x.Decisions = append(x.Decisions, c.decisions(part.leaves, searched)...)
	}
}

// decisions returns the decision for each leaf and for the conditions of the path
// that was chosen for it. searched is the outcome of the search if it made the choice.
func (c *chooser) decisions(leaves []*leaf, searched Search) []Decision {
	var out []Decision
	seen := map[*leaf]bool{}
	var add func(l *leaf)
	add = func(l *leaf) {
		if seen[l] {
			return
		}
		seen[l] = true
		out = append(out, c.decision(l, searched))
		for e := c.chosen[l.id]; e != nil; e = e.tail {
			for _, condition := range e.conditions {
				add(condition)
			}
		}
	}
	for _, l := range leaves {
		add(l)
	}
	return out
}

func (c *chooser) decision(l *leaf, searched Search) Decision {
	d := Decision{Path: l.path()}
	if l.conditionOf != nil {
		d.NeededFor = l.conditionOf.step() + at(l.conditionOf.position.responsePath())
	}
	chosen := 0
	for i, e := range l.candidates {
		candidate := Candidate{Path: e.path(), Cost: e.cost, Added: -1, Chosen: e == c.chosen[l.id]}
		if added := c.prices[l]; searched == NotSearched && i < len(added) {
			candidate.Added = added[i]
		}
		if candidate.Chosen {
			chosen = i
		}
		d.Candidates = append(d.Candidates, candidate)
	}
	d.Reason = d.reason(chosen, searched)
	return d
}

func (d *Decision) reason(chosen int, searched Search) string {
	best := d.Candidates[chosen]
	switch {
	case len(d.Candidates) == 1:
		return "the only path"
	case searched == Exact:
		return "the search found no cheaper plan with another"
	case searched == Incomplete:
		return "of the cheapest plan that the search found before its limit"
	case best.Added == 0:
		return "fetched anyway"
	}
	equal := func(other Candidate) bool { return !other.Chosen && other.Added == best.Added }
	if slices.ContainsFunc(d.Candidates, equal) {
		return "adds no more than another, and waits for fewer requests or is from the subgraph whose name comes first"
	}
	return "adds least"
}

// settleCost sets the cost of the plan that was made. It differs from what the search
// found if fetches were moved to deferred payloads or merged by latency. Then it may not be the lowest.
func (x *Explanation) settleCost(fetches []*fetch, defers bool) {
	levels := make(map[*fetch]int, len(fetches))
	var made Cost
	for _, f := range fetches {
		for _, d := range f.dependsOn {
			levels[f] = max(levels[f], levels[d])
		}
		if f.fallbackFor == nil { // it is sent only after a failure
			levels[f]++
			made.Requests++
		}
		made.Levels = max(made.Levels, levels[f])
		if defers && f.deferID == 0 && f.fallbackFor == nil {
			made.InitialRequests++
			made.InitialLevels = max(made.InitialLevels, levels[f])
		}
	}
	if x.Search == Exact && made.compare(x.Chosen) > 0 && x.Batching == nil {
		x.Search = Incomplete
	}
	x.Chosen = made
}

// path is the response path of a leaf.
func (l *leaf) path() string {
	e := l.candidates[0]
	path := e.position.responsePath()
	if e.kind != typenameEdge {
		return path
	}
	if path == "" {
		return "__typename"
	}
	return path + ".__typename"
}

// path describes a path from the last edge that enters a subgraph.
func (e *edge) path() string {
	if e.tail == nil {
		return e.step() + at(e.position.responsePath())
	}
	return e.tail.path() + " > " + e.step()
}

func at(responsePath string) string {
	if responsePath == "" {
		return ""
	}
	return " at " + responsePath
}

// step describes an edge.
func (e *edge) step() string {
	switch e.kind {
	case rootEdge:
		return e.subgraph.Name + ": " + e.typ.Name
	case keyEdge:
		text := fmt.Sprintf("%s: %s @key(%s)", e.subgraph.Name, e.typ.Name, e.key.Fields.Text)
		if e.onlyField != nil && e.onlyField.Requires != nil {
			text += fmt.Sprintf(" @requires(%s)", e.onlyField.Requires.Text)
		}
		return text
	case fieldEdge:
		return e.field.Name
	case typenameEdge:
		return "__typename"
	}
	return "... on " + e.position.on.Name
}

// String returns the explanation for people to read.
func (x *Explanation) String() string {
	var b strings.Builder
	// Latencies change the plan that was searched for: its requests may be more than what that one has.
	made, searched, of := "", "", ""
	if x.Batching != nil && x.Batching.Matters && x.Batching.Unknown == nil {
		made, searched, of = " by these latencies", " without latencies", "without latencies: "
	}
	cost := func(label string, chosen, greedy, bound Cost) {
		fmt.Fprintf(&b, "%s%s: %d in %d levels (%sgreedy choice: %d in %d; lower bound: %d in %d)\n",
			label, made, chosen.Requests, chosen.Levels, of, greedy.Requests, greedy.Levels, bound.Requests, bound.Levels)
	}
	if x.Chosen != (Cost{}) {
		cost("requests", x.Chosen, x.Greedy, x.Bound)
	}
	if x.Chosen.InitialRequests > 0 {
		cost("of the initial payload", x.Chosen.initial(), x.Greedy.initial(), x.Bound.initial())
	}
	fmt.Fprintf(&b, "search for a better plan%s: %s\nedges of the query graph looked at: %d\n", searched, x.Search, x.Edges)
	if x.Batching != nil {
		b.WriteString(x.Batching.String())
	}
	for _, d := range x.Decisions {
		b.WriteString("\n" + d.Path)
		if d.NeededFor != "" {
			b.WriteString(", needed for " + d.NeededFor)
		}
		b.WriteString("\n")
		for _, c := range d.Candidates {
			mark := " "
			if c.Chosen {
				mark = "*"
			}
			fmt.Fprintf(&b, "  %s %s (cost %d", mark, c.Path, c.Cost)
			if c.Added >= 0 {
				fmt.Fprintf(&b, ", adds %d", c.Added)
			}
			b.WriteString(")\n")
		}
		b.WriteString("    " + d.Reason + "\n")
	}
	return b.String()
}
