package planner

import (
	"cmp"
	"slices"
)

// An optimiser searches for the requests with the lowest cost that answer a part,
// by branch and bound (Land and Doig, 1960). It decides level after level which
// groups are asked. What is known then follows: a request fetches all that can be
// fetched with what the levels before it made known, since fetching more never
// needs more requests. Paths are chosen afterwards: see settle.go.
//
// The search is small because few groups need a decision. Asking a group earlier
// never makes less known. So a group that must be asked is asked as soon as one
// request to it is enough, and a group that need not be asked is asked then or never.
type optimiser struct {
	graph *requestGraph
	// frames have what is decided and known by the number of levels that are done.
	frames []frame
	// never are the groups that are not asked any more.
	never []bool
	// requests counts those of the levels that are done.
	requests int

	best     [][]int
	bestCost Cost
	// budget is the number of nodes of the graph that may still be looked at.
	// exact is set while it suffices.
	budget int
	exact  bool

	// Scratch space.
	reached, without, trial knowledge
	needed, neededLater     neededParts
	must, used              []bool
	clauses                 [][]int // by goal
	order                   [][]int
}

// A frame is a state of the search.
type frame struct {
	known knowledge
	// now and asked are the groups of the next level, as far as it is decided. open
	// are the groups to decide.
	now   []bool
	asked []int
	open  []option
}

// An option is a group that may be asked on the next level.
type option struct {
	group int
	// enough is set if a later request to the group would add nothing.
	enough bool
	gain   int // how many goals become known
}

// optimise returns the groups to ask, level by level, for the lowest cost; nil if
// none costs less than the limit. They are the best unless the budget ran out; then
// they are the best that were found. left is what is left of the budget.
func optimise(graph *requestGraph, limit Cost, budget int) (asked [][]int, c Cost, left int, exact bool) {
	flags := graph.memory.flags.Make
	o := &optimiser{
		graph: graph, never: flags(len(graph.groups)), bestCost: limit, budget: budget, exact: true,
		reached: graph.nothing(), without: graph.nothing(), trial: graph.nothing(),
		needed: graph.noneNeeded(), neededLater: graph.noneNeeded(),
		must: flags(len(graph.groups)), used: flags(len(graph.groups)), clauses: graph.memory.numberLists.Make(graph.goals),
	}
	o.frames = append(o.frames, o.frame())
	o.search(0)
	return o.best, o.bestCost, budget - graph.looks, o.exact
}

func (o *optimiser) frame() frame {
	return frame{known: o.graph.nothing(), now: o.graph.memory.flags.Make(len(o.graph.groups))}
}

// search decides the levels after those that are done.
func (o *optimiser) search(done int) {
	known := o.frames[done].known
	if o.graph.answered(known) {
		if c := (Cost{o.requests, done}); c.compare(o.bestCost) < 0 {
			o.bestCost, o.best = c, nil
			for _, f := range o.frames[:done] {
				o.best = append(o.best, slices.Clone(f.asked))
			}
		}
		return
	}
	if !o.hasBudget() {
		return
	}
	levels, ok := o.graph.reach(done, known, o.never, -1, o.reached)
	if !ok || (Cost{o.requests + levels - done, levels}).compare(o.bestCost) >= 0 {
		return
	}
	least := o.mustAsk(done, known)
	if o.exact && (Cost{o.requests + max(least, levels-done), levels}).compare(o.bestCost) < 0 {
		o.decide(done, least)
	}
}

// hasBudget reports whether the budget suffices so far.
func (o *optimiser) hasBudget() bool {
	o.exact = o.exact && o.graph.looks <= o.budget
	return o.exact
}

// mustAsk finds the groups that every answer asks on a level after those that are
// done, and returns how many requests are needed at least. o.reached is what can be
// known.
func (o *optimiser) mustAsk(done int, known knowledge) (least int) {
	clear(o.must)
	o.graph.findClauses(known, o.reached, o.clauses)
	o.order = o.order[:0]
	for _, clause := range o.clauses {
		switch len(clause) {
		case 0:
		case 1:
			o.must[clause[0]] = true
		default:
			o.order = append(o.order, clause)
		}
	}
	o.graph.need(known, o.reached, o.needed)
	for g := range o.must {
		if o.must[g] || o.never[g] || !o.needed.groups[g] {
			continue
		}
		if !o.hasBudget() {
			return 0
		}
		_, ok := o.graph.reach(done, known, o.never, g, o.without)
		o.must[g] = !ok
	}
	for g, must := range o.must {
		if o.used[g] = must; must {
			least++
		}
	}
	slices.SortStableFunc(o.order, func(a, b []int) int { return cmp.Compare(len(a), len(b)) })
	for _, clause := range o.order {
		if !slices.ContainsFunc(clause, func(g int) bool { return o.used[g] }) {
			least++
			for _, g := range clause {
				o.used[g] = true
			}
		}
	}
	return least
}

// decide decides which groups are asked on the level after those that are done.
func (o *optimiser) decide(done, least int) {
	f := &o.frames[done]
	f.asked, f.open = f.asked[:0], f.open[:0]
	clear(f.now)
	for _, g := range o.graph.enabled(f.known, o.needed, o.never) {
		if !o.hasBudget() {
			return
		}
		f.now[g] = true
		gain := o.graph.ask(done+1, f.known, f.now, o.trial)
		f.now[g] = false
		f.open = append(f.open, option{g, o.enough(done, g), gain})
	}
	// What is asked in any case needs no decision.
	for _, x := range f.open {
		if x.enough && o.must[x.group] {
			f.now[x.group] = true
			f.asked = append(f.asked, x.group)
		}
	}
	f.open = slices.DeleteFunc(f.open, func(x option) bool { return f.now[x.group] })
	slices.SortStableFunc(f.open, func(a, b option) int { return cmp.Compare(b.gain, a.gain) })
	o.assign(done, 0, least)
}

// enough reports whether a group adds nothing any more once o.trial is known.
func (o *optimiser) enough(done, g int) bool {
	if o.graph.groups[g].first {
		return true
	}
	o.graph.reach(done+1, o.trial, o.never, -1, o.without)
	o.graph.need(o.trial, o.without, o.neededLater)
	return !o.neededLater.groups[g]
}

// assign decides the open options of a level from the i-th on, and continues with the
// next level.
func (o *optimiser) assign(done, i, least int) {
	f := &o.frames[done]
	if !o.exact || (Cost{o.requests + max(least, len(f.asked)), done + 1}).compare(o.bestCost) >= 0 {
		return
	}
	if i == len(f.open) {
		if len(f.asked) > 0 {
			o.proceed(done)
		}
		return
	}
	x := f.open[i]
	if !x.enough {
		o.assign(done, i+1, least)
		o.ask(done, i, least)
		return
	}
	o.ask(done, i, least)
	o.never[x.group] = true
	o.assign(done, i+1, least)
	o.never[x.group] = false
}

// ask asks the i-th open option.
func (o *optimiser) ask(done, i, least int) {
	g := o.frames[done].open[i].group
	o.frames[done].now[g] = true
	o.frames[done].asked = append(o.frames[done].asked, g)
	o.assign(done, i+1, least)
	o.frames[done].now[g] = false
	o.frames[done].asked = o.frames[done].asked[:len(o.frames[done].asked)-1]
}

// proceed asks the groups of a level and searches on.
func (o *optimiser) proceed(done int) {
	if !o.hasBudget() {
		return
	}
	if len(o.frames) == done+1 {
		o.frames = append(o.frames, o.frame())
	}
	f := o.frames[done]
	o.graph.ask(done+1, f.known, f.now, o.frames[done+1].known)
	o.requests += len(f.asked)
	o.search(done + 1)
	o.requests -= len(f.asked)
}
