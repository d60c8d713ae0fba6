package planner

import (
	"cmp"
	mathbits "math/bits"
	"slices"
)

// A stepGraph is what a request graph says about which groups to ask, without the paths. Most
// edges follow from the request that their path begins with, so a step is a root or key
// edge, or one that waits for conditions later. A fact is what the same steps give: a leaf, or
// several that are known at the same time.
//
// What can be left out without a loss is left out: goals that are known as soon as
// another is, facts and steps that no goal needs, and groups and steps that another can replace.
type stepGraph struct {
	steps []step
	// givers are the steps that give a fact, by fact.
	givers [][]int32
	goals  []int32 // facts
	groups int
	// initial are the groups of the initial payload, by group; nil if there are no others. sufficient, unless
	// nil, are the requests of some of them that suffice for it, by level and group.
	initial    []bool
	sufficient [][]bool
	// of are the steps that a group makes, by group, and late those that are not requests.
	of   [][]int32
	late []int32
	// looks counts the steps and facts that have been looked at.
	looks  int
	memory *scratch
	// Scratch space.
	open                      []int32
	rows, found, used, needed bits // of landmarks
}

// A step makes facts known once others are. One without needs is a root request, on the first level only.
type step struct {
	group        int32 // that must be asked; -1 if the step follows by itself
	needs, gives []int32
}

// maxReplaced is how many steps a graph may have for steps and groups to be compared with each
// other.
const maxReplaced = 400

// newStepGraph returns the steps of a request graph.
func newStepGraph(g *requestGraph) *stepGraph {
	m := g.memory
	s := &stepGraph{groups: len(g.groups), memory: m}
	if g.defers {
		s.initial = m.flags.Make(s.groups)
		for i := range g.groups {
			s.initial[i] = g.groups[i].deferID == 0
		}
		for level := range g.initial {
			s.sufficient = append(s.sufficient, m.flags.Make(s.groups))
			for i := range g.groups {
				s.sufficient[level][i] = slices.Contains(g.initial[level], g.groups[i])
			}
		}
	}
	stepOf := m.indexes.Make(len(g.nodes))
	givers := m.indexLists.Make(len(g.leaves))
	type lateStep struct{ step, from int32 }
	var late []lateStep // with the steps before them
	for i := range g.nodes {
		n := &g.nodes[i]
		if n.group < 0 && len(n.conditions) == 0 {
			stepOf[i] = stepOf[n.tail]
		} else {
			stepOf[i] = int32(len(s.steps))
			s.steps = m.steps.Append(s.steps, step{group: n.group, needs: n.conditions})
			if n.group < 0 {
				late = append(late, lateStep{stepOf[i], stepOf[n.tail]})
			}
		}
	}
	markedFor := m.indexes.Make(len(s.steps)) // a leaf + 1
	for l, candidates := range g.candidates {
		givers[l] = m.indexes.Make(len(candidates))[:0]
		for _, i := range candidates {
			if step := stepOf[i]; markedFor[step] != int32(l+1) {
				markedFor[step] = int32(l + 1)
				givers[l] = append(givers[l], step)
			}
		}
	}
	for _, l := range late {
		s.steps[l.step].needs = append(m.indexes.Append(nil, s.steps[l.step].needs...), int32(len(givers)))
		givers = m.indexLists.Append(givers, m.indexes.Append(nil, l.from))
	}
	s.looks += len(g.nodes)
	s.merge(givers, g.goals)
	for changed := true; changed; {
		s.implyGoals()
		s.keepNeeded()
		changed = len(s.steps) <= maxReplaced && s.replace()
	}
	s.of = m.indexLists.Make(s.groups)
	for i := range s.steps {
		if g := s.steps[i].group; g >= 0 {
			s.of[g] = m.indexes.Append(s.of[g], int32(i))
		} else {
			s.late = m.indexes.Append(s.late, int32(i))
		}
	}
	return s
}

// merge makes facts of leaves: those with the same givers are one.
func (s *stepGraph) merge(givers [][]int32, goals int) {
	// known is a hash table of facts + 1.
	known := s.memory.indexes.Make(1 << mathbits.Len(uint(2*len(givers))))
	factOf := s.memory.indexes.Make(len(givers))
	s.givers = s.memory.indexLists.Make(len(givers))[:0]
	for l, list := range givers {
		slices.Sort(list)
		hash := uint64(14695981039346656037) // FNV-1a
		for _, i := range list {
			hash = (hash ^ uint64(i)) * 1099511628211
		}
		at := hash & uint64(len(known)-1)
		for known[at] != 0 && !slices.Equal(s.givers[known[at]-1], list) {
			at = (at + 1) & uint64(len(known)-1)
		}
		if known[at] == 0 {
			s.givers = append(s.givers, list)
			known[at] = int32(len(s.givers))
		}
		factOf[l] = known[at] - 1
		s.looks += len(list)
	}
	for l := range goals {
		if !slices.Contains(s.goals, factOf[l]) {
			s.goals = s.memory.indexes.Append(s.goals, factOf[l])
		}
	}
	for i := range s.steps {
		var needs []int32
		for _, l := range s.steps[i].needs {
			if !slices.Contains(needs, factOf[l]) {
				needs = s.memory.indexes.Append(needs, factOf[l])
			}
		}
		slices.Sort(needs)
		s.steps[i].needs = needs
	}
}

// implyGoals leaves out goals that are known as soon as another is: all steps that give
// the other give them, too.
func (s *stepGraph) implyGoals() {
	slices.SortStableFunc(s.goals, func(a, b int32) int { return cmp.Compare(len(s.givers[a]), len(s.givers[b])) })
	gives := s.memory.bits(len(s.steps))
	kept := s.goals[:0]
	for _, goal := range s.goals {
		gives.reset()
		for _, i := range s.givers[goal] {
			gives.set(i)
		}
		s.looks += len(kept)
		if !slices.ContainsFunc(kept, func(other int32) bool { return gives.hasAll(s.givers[other]) }) {
			kept = append(kept, goal)
		}
	}
	s.goals = kept
	slices.Sort(s.goals)
}

// keepNeeded leaves out facts and steps that cannot help to answer.
func (s *stepGraph) keepNeeded() {
	factOf, stepOf := s.memory.indexes.Make(len(s.givers)), s.memory.indexes.Make(len(s.steps)) // indexes + 1
	facts, steps := s.memory.indexes.Append(nil, s.goals...), []int32(nil)
	for _, f := range facts {
		factOf[f] = 1
	}
	for n := 0; n < len(facts); n++ {
		for _, i := range s.givers[facts[n]] {
			if stepOf[i] != 0 {
				continue
			}
			stepOf[i] = 1
			steps = s.memory.indexes.Append(steps, i)
			for _, f := range s.steps[i].needs {
				if factOf[f] == 0 {
					factOf[f] = 1
					facts = s.memory.indexes.Append(facts, f)
				}
			}
		}
	}
	slices.Sort(facts)
	slices.Sort(steps)
	for n, f := range facts {
		factOf[f] = int32(n + 1)
	}
	for n, i := range steps {
		stepOf[i] = int32(n + 1)
	}
	renumber := func(list, to []int32) []int32 {
		var out []int32
		for _, i := range list {
			if to[i] != 0 {
				out = s.memory.indexes.Append(out, to[i]-1)
			}
		}
		return out
	}
	kept := s.memory.steps.Make(len(steps))
	for n, i := range steps {
		kept[n] = step{group: s.steps[i].group, needs: renumber(s.steps[i].needs, factOf)}
	}
	givers := s.memory.indexLists.Make(len(facts))
	for n, f := range facts {
		givers[n] = renumber(s.givers[f], stepOf)
		for _, i := range givers[n] {
			kept[i].gives = s.memory.indexes.Append(kept[i].gives, int32(n))
		}
		s.looks += len(givers[n])
	}
	s.goals = renumber(s.goals, factOf)
	s.steps, s.givers = kept, givers
}

// replace leaves out groups that another can replace on every level, and steps that others
// of their group replace. It reports whether there are any.
func (s *stepGraph) replace() bool {
	byGroup := s.memory.indexLists.Make(s.groups)
	for i := range s.steps {
		if g := s.steps[i].group; g >= 0 {
			byGroup[g] = s.memory.indexes.Append(byGroup[g], int32(i))
		}
	}
	removed := s.memory.bits(len(s.steps))
	changed := false
	remove := func(i int32) {
		removed.set(i)
		changed = true
	}
	for _, list := range byGroup {
		for _, i := range list {
			if slices.ContainsFunc(list, func(j int32) bool {
				return i != j && !removed.has(j) && s.replaces(j, i)
			}) {
				remove(i)
			}
		}
	}
	for g, list := range byGroup {
		for other, by := range byGroup {
			if other == g || len(list) == 0 || len(by) == 0 || s.mayBeMissed(g, other) {
				continue
			}
			all := !slices.ContainsFunc(list, func(i int32) bool {
				return !removed.has(i) && !slices.ContainsFunc(by, func(j int32) bool { return s.replaces(j, i) })
			})
			if all {
				for _, i := range list {
					remove(i)
				}
				byGroup[g] = nil
				break
			}
		}
	}
	if changed {
		for f, list := range s.givers {
			s.givers[f] = slices.DeleteFunc(list, removed.has)
		}
	}
	return changed
}

// mayBeMissed reports whether a group is needed although another one can replace it: requests of the
// initial payload are limited, so only those that it must begin with replace others.
func (s *stepGraph) mayBeMissed(g, by int) bool {
	return s.initial != nil && (s.initial[g] || s.initial[by] && !s.beginsWith(by))
}

// beginsWith reports whether each answer asks a group on the first level, because nothing else gives a goal.
func (s *stepGraph) beginsWith(g int) bool {
	return slices.ContainsFunc(s.goals, func(goal int32) bool {
		return !slices.ContainsFunc(s.givers[goal], func(i int32) bool {
			return int(s.steps[i].group) != g || len(s.steps[i].needs) > 0
		})
	})
}

// replaces reports whether a step gives all that another one gives, and needs nothing else.
func (s *stepGraph) replaces(a, b int32) bool {
	s.looks++
	one, other := &s.steps[a], &s.steps[b]
	return len(one.gives) >= len(other.gives) && includes(other.needs, one.needs) && includes(one.gives, other.gives)
}

// includes reports whether a sorted list has all numbers of another.
func includes(list, some []int32) bool {
	if len(some) > len(list) {
		return false
	}
	for _, n := range some {
		for len(list) > 0 && list[0] < n {
			list = list[1:]
		}
		if len(list) == 0 || list[0] != n {
			return false
		}
		list = list[1:]
	}
	return true
}
