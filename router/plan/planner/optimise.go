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
// Before each level it decides which groups are used from there on, until they
// suffice if it does not matter on which level they are asked: one group of each
// clause, the smallest clause first, since it has the fewest alternatives. How many groups the
// clauses need at least bounds the requests: see landmarks.go.
//
// Few groups need another decision. Asking a group earlier never makes less known. So a
// group that must be asked is asked as soon as one request to it is enough, and a group
// that need not be asked is asked then or never.
type optimiser struct {
	graph *stepGraph
	// frames have what is decided and known by the number of levels that are done.
	frames []*frame
	// may are the groups that may still be asked, use those that must be, on a level after those that are
	// done. uses is how many those are.
	may, use []bool
	uses     int
	// requests counts those of the levels that are done.
	requests int
	// initial is how many of the requests, and of the groups in use, are of the initial payload, if there
	// are others. limit is what it may cost.
	initial int
	limit   Cost

	best     [][]int
	bestCost Cost
	// budget is the number of steps of the graph that may still be looked at.
	// exact is set while it suffices.
	budget int
	exact  bool

	finder *clauseFinder
	// coverFrames are those of the covering clauses that are being met.
	coverFrames []*coverFrame
	covering    int
	// Scratch space.
	trial, wanted       bits
	later               *reach
	needed, neededLater []bool
	enabled             []bool
}

// A frame is a state of the search.
type frame struct {
	known bits
	// reach is what can be known.
	reach *reach
	marks landmarks
	// now and asked are the groups of the next level, as far as it is decided. open
	// are the groups to decide.
	now   []bool
	asked []int
	open  []option
	// Scratch space.
	enabled     []bool
	used, never []int
}

// An option is a group that may be asked on the next level.
type option struct {
	group int
	// enough is set if a later request to the group would add nothing.
	enough bool
	gain   int // how many goals become known
}

// The parts of the budget for searches that are long: how long a search goes on without a good
// answer, and how long a good answer is looked for otherwise (thin.go).
const (
	firstPart = 20
	thinPart  = 4
)

// shortBudget is a budget that is used for one search.
const shortBudget = 20_000

// optimise returns the groups to ask, level by level, for the lowest cost; nil if
// none costs less than the limit. They are the best unless the budget ran out; then
// they are the best that were found. left is what is left of the budget. If there are deferred
// payloads, the initial one has no more requests and levels than it has within the limit.
func optimise(graph *requestGraph, limit Cost, budget int) (asked [][]int, c Cost, left int, exact bool) {
	s, flags := newStepGraph(graph), graph.memory.flags.Make
	o := &optimiser{
		graph: s, bestCost: Cost{Requests: limit.Requests, Levels: limit.Levels}, limit: limit.initial(), budget: budget, exact: true,
		may: flags(s.groups), use: flags(s.groups), finder: newClauseFinder(s),
		trial: graph.memory.bits(len(s.givers)), wanted: graph.memory.bits(len(s.givers)), later: s.newReach(),
		needed: flags(s.groups), neededLater: flags(s.groups), enabled: flags(s.groups),
	}
	for _, n := range s.steps {
		if n.group >= 0 {
			o.may[n.group] = true
		}
	}
	o.frames = append(o.frames, o.frame())
	first := budget / firstPart
	if budget <= shortBudget {
		first = budget
	}
	o.budget = s.looks + first
	if o.search(0); !o.exact && first < budget {
		o.thin(o.budget + budget/thinPart)
		o.exact, o.budget = true, budget
		o.search(0)
	}
	return o.best, o.bestCost.withInitial(o.limit), budget - s.looks, o.exact
}

func (o *optimiser) frame() *frame {
	s, flags := o.graph, o.graph.memory.flags.Make
	return &frame{known: s.memory.bits(len(s.givers)), now: flags(s.groups), enabled: flags(s.groups), reach: s.newReach()}
}

// hasBudget reports whether the budget suffices so far.
func (o *optimiser) hasBudget() bool {
	o.exact = o.exact && o.graph.looks <= o.budget
	return o.exact
}

// worse reports whether nothing of this cost, or more, is better than the best.
func (o *optimiser) worse(requests, levels int) bool {
	return Cost{Requests: requests, Levels: levels}.compare(o.bestCost) >= 0
}

// putInUse says whether a group must be asked, on a level after those that are done.
func (o *optimiser) putInUse(g int32, use bool) {
	n := 1
	if !use {
		n = -1
	}
	o.use[g] = use
	o.uses += n
	if o.isInitial(int(g)) {
		o.initial += n
	}
}

// isInitial reports whether the requests of a group are limited: they are of the initial payload,
// and there are others.
func (o *optimiser) isInitial(g int) bool { return o.graph.initial != nil && o.graph.initial[g] }

// exceeds reports whether so many requests of the initial payload are more than it may have.
func (o *optimiser) exceeds(initial int) bool {
	return o.graph.initial != nil && initial > o.limit.Requests
}

// endInitial leaves out the requests of the initial payload, after the last level that it may have.
func (o *optimiser) endInitial() (ended []int) {
	for g, initial := range o.graph.initial {
		if initial && o.may[g] {
			o.may[g] = false
			ended = append(ended, g)
		}
	}
	return ended
}

// search decides the levels after those that are done.
func (o *optimiser) search(done int) {
	f := o.frames[done]
	if o.graph.answered(f.known) {
		if c := (Cost{Requests: o.requests, Levels: done}); c.compare(o.bestCost) < 0 {
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
	if done == o.limit.Levels {
		for _, g := range o.endInitial() {
			defer func() { o.may[g] = true }()
		}
	}
	if !o.graph.reach(done, f.known, o.may, f.reach) {
		return
	}
	levels := f.reach.levels
	if o.worse(o.requests+max(levels-done, o.uses), levels) {
		return
	}
	o.graph.landmarks(f.known, f.reach, &f.marks)
	must := f.marks.groups[:0]
	for _, g := range f.marks.groups {
		if !o.use[g] {
			o.putInUse(g, true)
			must = append(must, g)
		}
	}
	o.require(done)
	for _, g := range must {
		o.putInUse(g, false)
	}
}

// require decides which groups are used.
func (o *optimiser) require(done int) {
	f := o.frames[done]
	if !o.hasBudget() || o.exceeds(o.initial) || o.worse(o.requests+o.uses, f.reach.levels) {
		return
	}
	for last := 0; ; {
		found, ok := o.finder.find(done, f.known, f.reach, f.marks.facts, o.use, o.may, int32(last))
		if !ok {
			return
		}
		if len(found.lists) == 0 {
			o.decide(done)
			return
		}
		c := newCover(found, o.may)
		open := c.all()
		least, _ := c.bound(open, o.bestCost.Requests-o.requests-o.uses)
		requests := o.requests + o.uses + least
		if o.worse(requests, f.reach.levels) {
			return
		}
		// A better answer with as many requests as the best has fewer levels.
		if requests == o.bestCost.Requests && last == 0 && o.last(f) {
			last = o.bestCost.Levels
			continue
		}
		o.cover(done, c, open)
		return
	}
}

// last reports whether there are steps that only answers with as many levels as the best can make.
func (o *optimiser) last(f *frame) bool {
	return slices.ContainsFunc(f.reach.steps, func(level int32) bool { return int(level) >= o.bestCost.Levels })
}

// A choice is a group that meets clauses, so many of those that are open.
type choice struct {
	group   int32
	clauses int
}

// A coverFrame is the scratch space of a choice of groups for a clause.
type coverFrame struct {
	choices []choice
	open    bits
}

// cover meets the open clauses.
func (o *optimiser) cover(done int, c *cover, open bits) {
	if open.empty() {
		o.require(done)
		return
	}
	before := c.looks
	least, smallest := c.bound(open, o.bestCost.Requests-o.requests-o.uses)
	o.graph.looks += c.looks - before
	if smallest == nil || !o.hasBudget() || o.worse(o.requests+o.uses+least, o.frames[done].reach.levels) {
		return
	}
	if o.covering++; len(o.coverFrames) < o.covering {
		o.coverFrames = append(o.coverFrames, &coverFrame{})
	}
	f := o.coverFrames[o.covering-1]
	f.choices = f.choices[:0]
	for _, g := range smallest {
		if o.may[g] {
			f.choices = append(f.choices, choice{g, open.common(c.clauses.of[g])})
		}
	}
	slices.SortFunc(f.choices, func(a, b choice) int {
		return cmp.Or(cmp.Compare(b.clauses, a.clauses), cmp.Compare(a.group, b.group))
	})
	if len(f.open) != len(open) {
		f.open = make(bits, len(open))
	}
	for _, x := range f.choices {
		o.putInUse(x.group, true)
		f.open.without(open, c.clauses.of[x.group])
		o.cover(done, c, f.open)
		o.putInUse(x.group, false)
		o.may[x.group] = false
	}
	for _, x := range f.choices {
		o.may[x.group] = true
	}
	o.covering--
}

// decide decides which groups are asked on the level after those that are done. The groups in use
// suffice if it does not matter on which level they are asked.
func (o *optimiser) decide(done int) {
	f := o.frames[done]
	// Without room for another request only the groups in use are asked.
	f.never = f.never[:0]
	if o.worse(o.requests+o.uses+1, f.reach.levels) {
		for g, may := range o.may {
			if may && !o.use[g] {
				o.may[g] = false
				f.never = append(f.never, g)
			}
		}
	}
	if o.graph.reach(done, f.known, o.may, o.later) && !o.worse(o.requests+max(o.uses, o.later.levels-done), o.later.levels) {
		o.list(done)
		o.assign(done, 0)
	}
	for _, g := range f.never {
		o.may[g] = true
	}
}

// list finds the groups to decide on a level. o.later is what can be known.
func (o *optimiser) list(done int) {
	f := o.frames[done]
	f.asked, f.open = f.asked[:0], f.open[:0]
	clear(f.now)
	o.graph.need(done, f.known, o.later, o.wanted, o.needed, o.enabled)
	copy(f.enabled, o.enabled)
	for g, can := range f.enabled {
		if !can {
			continue
		}
		f.now[g] = true
		o.graph.ask(done+1, f.known, f.now, o.trial)
		f.now[g] = false
		x := option{group: g}
		for _, goal := range o.graph.goals {
			if o.trial.has(goal) && !f.known.has(goal) {
				x.gain++
			}
		}
		o.graph.reach(done+1, o.trial, o.may, o.later)
		o.graph.need(done+1, o.trial, o.later, o.wanted, o.neededLater, o.enabled)
		x.enough = !o.neededLater[g]
		if x.enough && o.use[g] { // what is asked in any case needs no decision
			f.asked = append(f.asked, g)
			continue
		}
		f.open = append(f.open, x)
	}
	for _, g := range f.asked {
		f.now[g] = true
	}
	slices.SortStableFunc(f.open, func(a, b option) int { return cmp.Compare(b.gain, a.gain) })
}

// assign decides the open options of a level from the i-th on, and continues with the
// next level.
func (o *optimiser) assign(done, i int) {
	f := o.frames[done]
	requests, initial := o.requests+o.uses, o.initial
	for _, g := range f.asked {
		if !o.use[g] {
			requests++
			if o.isInitial(g) {
				initial++
			}
		}
	}
	if !o.hasBudget() || o.exceeds(initial) || o.worse(requests, done+1) {
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
		o.assign(done, i+1)
		o.ask(done, i)
		return
	}
	o.ask(done, i)
	if !o.use[x.group] {
		o.may[x.group] = false
		o.assign(done, i+1)
		o.may[x.group] = true
	}
}

// ask asks the i-th open option.
func (o *optimiser) ask(done, i int) {
	f := o.frames[done]
	g := f.open[i].group
	f.now[g] = true
	f.asked = append(f.asked, g)
	o.assign(done, i+1)
	f.now[g] = false
	f.asked = f.asked[:len(f.asked)-1]
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
	requests, initial := o.requests, o.initial
	f.used = f.used[:0]
	for _, g := range f.asked {
		o.requests++
		if o.use[g] {
			o.use[g] = false
			f.used = append(f.used, g)
		} else if o.isInitial(g) {
			o.initial++
		}
	}
	o.uses -= len(f.used)
	o.search(done + 1)
	o.requests, o.initial = requests, initial
	o.uses += len(f.used)
	for _, g := range f.used {
		o.use[g] = true
	}
}
