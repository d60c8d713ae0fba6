package planner

import (
	"cmp"
	"slices"
)

// Landmarks of a state of the search are facts that every answer makes known, and groups that
// every answer asks.
type landmarks struct {
	facts  []int32
	groups []int32
}

// maxLandmarks bounds the memory for finding landmarks: the number of facts times the words of a set.
const maxLandmarks = 50_000

// landmarks sets l to landmarks, given what is known and can be reached, all goals among it. A fact needs what is
// needed for all steps that can give it.
func (s *stepGraph) landmarks(known bits, r *reach, l *landmarks) {
	l.facts, l.groups = l.facts[:0], l.groups[:0]
	facts := len(s.givers)
	words := (facts + s.groups + 63) / 64
	if facts*words > maxLandmarks {
		for _, f := range s.goals {
			if !known.has(f) {
				l.facts = s.memory.indexes.Append(l.facts, f)
			}
		}
		return
	}
	// The rows are what a fact needs. They begin with too much and only lose members. Another round is needed
	// if one changes after it has been used.
	if s.rows == nil {
		s.rows, s.found, s.used, s.needed = s.memory.words.Make(facts*words), s.memory.bits(facts), s.memory.bits(facts), s.memory.words.Make(words)
	}
	found, used, needed := s.found, s.used, s.needed
	found.reset()
	row := func(f int32) bits { return s.rows[int(f)*words : int(f+1)*words] }
	for again := true; again; {
		again = false
		used.reset()
		s.looks += len(r.order)
		for _, i := range r.order {
			n := &s.steps[i]
			needed.reset()
			if n.group >= 0 {
				needed.set(int32(facts) + n.group)
			}
			complete := true
			for _, f := range n.needs {
				if known.has(f) {
					continue
				}
				used.set(f)
				if complete = found.has(f); !complete {
					break
				}
				for w, word := range row(f) {
					needed[w] |= word
				}
			}
			if !complete {
				continue
			}
			for _, f := range n.gives {
				if known.has(f) {
					continue
				}
				to := row(f)
				if !found.has(f) {
					found.set(f)
					copy(to, needed)
					to.set(f)
					again = again || used.has(f)
					continue
				}
				for w, word := range needed {
					if w == int(f>>6) {
						word |= 1 << (f & 63)
					}
					if to[w]&^word != 0 {
						to[w] &= word
						again = again || used.has(f)
					}
				}
			}
		}
	}
	all := needed
	all.reset()
	for _, f := range s.goals {
		if !known.has(f) {
			for w, word := range row(f) {
				all[w] |= word
			}
		}
	}
	for i := range int32(facts + s.groups) {
		switch {
		case !all.has(i):
		case int(i) < facts:
			l.facts = s.memory.indexes.Append(l.facts, i)
		default:
			l.groups = s.memory.indexes.Append(l.groups, i-int32(facts))
		}
	}
}

// Clauses are sets of groups of which one must be asked on a level after those that are done, for
// each of some landmarks, besides the groups that are asked in any case.
type clauses struct {
	lists [][]int32
	// of are the clauses that a group is in, by group; nil for none.
	of []bits
}

// A clauseFinder finds clauses.
type clauseFinder struct {
	graph *stepGraph
	reach *reach // with the groups that are asked in any case only
	// facts and groups are those that have been visited for the present clause.
	facts, groups []int
	round         int
	open          []int32
}

func newClauseFinder(s *stepGraph) *clauseFinder {
	return &clauseFinder{graph: s, reach: s.newReach(), facts: make([]int, len(s.givers)), groups: make([]int, s.groups)}
}

// find returns clauses for the landmarks that do not follow from the groups in use; false if there can be
// no answer. Groups are those in may, and steps those that are made before the level last, if
// it is not 0.
func (c *clauseFinder) find(done int, known bits, all *reach, marks []int32, use, may []bool, last int32) (clauses, bool) {
	s := c.graph
	s.reach(done, known, use, c.reach)
	var out clauses
	for _, mark := range marks {
		if c.reach.facts[mark] != 0 {
			continue
		}
		list := c.clause(mark, all, use, may, last)
		if len(list) == 0 {
			return clauses{}, false
		}
		out.lists = append(out.lists, list)
	}
	if len(out.lists) == 0 {
		return out, true
	}
	slices.SortStableFunc(out.lists, func(a, b []int32) int { return cmp.Compare(len(a), len(b)) })
	out.of = make([]bits, s.groups)
	for i, list := range out.lists {
		for _, g := range list {
			if out.of[g] == nil {
				out.of[g] = newBits(len(out.lists))
			}
			out.of[g].set(int32(i))
		}
	}
	return out, true
}

// clause returns the groups of which one must be asked for a fact. What the groups in use need is
// looked for in turn.
func (c *clauseFinder) clause(fact int32, all *reach, use, may []bool, last int32) (list []int32) {
	s := c.graph
	c.round++
	c.facts[fact] = c.round
	c.open = append(c.open[:0], fact)
	for len(c.open) > 0 {
		f := c.open[len(c.open)-1]
		c.open = c.open[:len(c.open)-1]
		s.looks += len(s.givers[f])
		for _, i := range s.givers[f] {
			n := &s.steps[i]
			switch {
			case all.steps[i] == 0 || last > 0 && all.steps[i] >= last:
			case n.group < 0 || use[n.group]:
				c.visit(n.needs)
			case may[n.group] && c.groups[n.group] != c.round:
				c.groups[n.group] = c.round
				list = append(list, n.group)
			}
		}
	}
	return list
}

// visit looks for one of the facts that are not known.
func (c *clauseFinder) visit(needs []int32) {
	missing := int32(-1)
	for _, f := range needs {
		if c.reach.facts[f] != 0 {
			continue
		}
		if c.facts[f] == c.round {
			return
		}
		missing = f
	}
	if missing >= 0 {
		c.facts[missing] = c.round
		c.open = append(c.open, missing)
	}
}
