package planner

// Gains are what groups make known on each level. They are kept, since most of them stay when a request is
// left out: only what needs a fact that is not known any more is computed again.
type gains struct {
	graph *stepGraph
	// of are the gains by level, counted from 0, and group; nil if they take too much memory.
	of [][]bits
	// needs are the facts that steps of a group need, by group.
	needs []bits
	// changed are the gains that have been replaced, and their former values. They are kept or forgotten.
	changed []change
	// Scratch space.
	lost bits
	free []bits
}

// A change is that of a gain.
type change struct {
	ask
	former bits
}

// maxGains bounds the memory for gains, in words.
const maxGains = 100_000

// newGains returns gains on so many levels.
func (s *stepGraph) newGains(levels int) *gains {
	facts := len(s.givers)
	g := &gains{graph: s, lost: s.memory.bits(facts)}
	if levels*s.groups*len(g.lost) > maxGains {
		return g
	}
	for range levels {
		of := make([]bits, s.groups)
		for group := range of {
			of[group] = s.memory.bits(facts)
		}
		g.of = append(g.of, of)
	}
	for _, steps := range s.of {
		needs := s.memory.bits(facts)
		for _, i := range steps {
			needs.setAll(s.steps[i].needs)
		}
		g.needs = append(g.needs, needs)
	}
	return g
}

// ask computes all gains of a level on which some groups are asked, and what is known after it.
func (g *gains) ask(level int, before bits, groups []bool, after bits) {
	if g.of == nil {
		g.graph.ask(level+1, before, groups, after)
		return
	}
	copy(after, before)
	for group, asked := range groups {
		if asked {
			gain := g.of[level][group]
			gain.reset()
			g.graph.gain(level+1, before, group, gain)
			after.add(gain)
		}
	}
	g.graph.follow(after)
}

// askAgain computes what is known after a level, before which less is known than it was.
func (g *gains) askAgain(level int, former, before bits, groups []bool, after bits) {
	if g.of == nil {
		g.graph.ask(level+1, before, groups, after)
		return
	}
	g.lost.without(former, before)
	lost := !g.lost.empty()
	copy(after, before)
	for group, asked := range groups {
		if !asked {
			continue
		}
		if lost && g.lost.overlaps(g.needs[group]) {
			g.replace(level, before, group)
		}
		g.graph.looks++
		after.add(g.of[level][group])
	}
	g.graph.follow(after)
}

// replace computes a gain again.
func (g *gains) replace(level int, before bits, group int) {
	var gain bits
	if last := len(g.free) - 1; last >= 0 {
		gain, g.free = g.free[last], g.free[:last]
		gain.reset()
	} else {
		gain = g.graph.memory.bits(len(g.graph.givers))
	}
	g.graph.gain(level+1, before, group, gain)
	g.changed = append(g.changed, change{ask{level, group}, g.of[level][group]})
	g.of[level][group] = gain
}

// keep keeps what has been replaced.
func (g *gains) keep() {
	for _, c := range g.changed {
		g.free = append(g.free, c.former)
	}
	g.changed = g.changed[:0]
}

// forget takes the former values back.
func (g *gains) forget() {
	for _, c := range g.changed {
		g.free = append(g.free, g.of[c.level][c.group])
		g.of[c.level][c.group] = c.former
	}
	g.changed = g.changed[:0]
}
