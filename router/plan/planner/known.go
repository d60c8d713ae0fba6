package planner

// ask computes which facts are known after a level on which some groups are asked.
func (s *stepGraph) ask(level int, before bits, groups []bool, after bits) {
	copy(after, before)
	for g, asked := range groups {
		if asked {
			s.gain(level, before, g, after)
		}
	}
	s.follow(after)
}

// gain adds the facts that a group makes known on a level.
func (s *stepGraph) gain(level int, before bits, group int, known bits) {
	s.looks += len(s.of[group])
	for _, i := range s.of[group] {
		if n := &s.steps[i]; (len(n.needs) > 0 || level == 1) && before.hasAll(n.needs) {
			known.setAll(n.gives)
		}
	}
}

// follow adds the facts that follow from what is known.
func (s *stepGraph) follow(known bits) {
	for again := len(s.late) > 0; again; {
		again = false
		s.looks += len(s.late)
		for _, i := range s.late {
			if n := &s.steps[i]; known.hasAll(n.needs) && !known.hasAll(n.gives) {
				known.setAll(n.gives)
				again = true
			}
		}
	}
}

// A reach says after which level facts are known at the earliest and steps are made, counted
// from 1; 0 is for those that are not. order has the steps that are made, in their order.
type reach struct {
	facts, steps []int32
	order        []int32
	// levels are those that an answer needs.
	levels int
}

func (s *stepGraph) newReach() *reach {
	m := s.memory.indexes.Make
	return &reach{facts: m(len(s.givers)), steps: m(len(s.steps)), order: m(len(s.steps))[:0]}
}

// reach computes what can be known if some groups are asked on every level after those that are
// done, and reports whether that is an answer.
func (s *stepGraph) reach(done int, known bits, groups []bool, r *reach) bool {
	clear(r.steps)
	r.order = r.order[:0]
	for f := range r.facts {
		r.facts[f] = 0
		if known.has(int32(f)) {
			r.facts[f] = int32(max(done, 1))
		}
	}
	pending := s.open[:0]
	for i := range s.steps {
		if n := &s.steps[i]; n.group < 0 || groups[n.group] && (len(n.needs) > 0 || done == 0) {
			pending = append(pending, int32(i))
		}
	}
	s.open = pending
	for level := int32(done + 1); ; level++ {
		before := len(r.order)
		s.looks += len(pending)
		kept := pending[:0]
		for _, i := range pending {
			if n := &s.steps[i]; n.group >= 0 && r.knows(n.needs, level) {
				s.make(i, level, r)
			} else {
				kept = append(kept, i)
			}
		}
		pending = kept
		for again := len(s.late) > 0; again; {
			again = false
			kept := pending[:0]
			for _, i := range pending {
				if n := &s.steps[i]; n.group < 0 && r.knows(n.needs, level+1) {
					s.make(i, level, r)
					again = true
				} else {
					kept = append(kept, i)
				}
			}
			pending = kept
		}
		if len(r.order) == before {
			break
		}
	}
	r.levels = 0
	for _, f := range s.goals {
		if r.facts[f] == 0 {
			return false
		}
		r.levels = max(r.levels, int(r.facts[f]))
	}
	return true
}

// knows reports whether facts are known before a level.
func (r *reach) knows(facts []int32, level int32) bool {
	for _, f := range facts {
		if r.facts[f] == 0 || r.facts[f] >= level {
			return false
		}
	}
	return true
}

func (s *stepGraph) make(i, level int32, r *reach) {
	r.steps[i] = level
	r.order = append(r.order, i)
	for _, f := range s.steps[i].gives {
		if r.facts[f] == 0 {
			r.facts[f] = level
		}
	}
}

// answered reports whether all goals are known.
func (s *stepGraph) answered(known bits) bool { return known.hasAll(s.goals) }

// need finds the groups with a step that could help to answer, of those that can be made; and, of
// these steps, the groups with one that can be made on the next level.
func (s *stepGraph) need(done int, known bits, r *reach, wanted bits, groups, enabled []bool) {
	clear(groups)
	clear(enabled)
	wanted.reset()
	open := s.open[:0]
	want := func(f int32) {
		if !known.has(f) && !wanted.has(f) {
			wanted.set(f)
			open = append(open, f)
		}
	}
	for _, f := range s.goals {
		want(f)
	}
	for len(open) > 0 {
		f := open[len(open)-1]
		open = open[:len(open)-1]
		s.looks += len(s.givers[f])
		for _, i := range s.givers[f] {
			n := &s.steps[i]
			if r.steps[i] == 0 {
				continue
			}
			if n.group >= 0 {
				groups[n.group] = true
				if (len(n.needs) > 0 || done == 0) && known.hasAll(n.needs) {
					enabled[n.group] = true
				}
			}
			for _, f := range n.needs {
				want(f)
			}
		}
	}
	s.open = open
}
