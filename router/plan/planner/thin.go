package planner

import (
	"math/rand/v2"
	"slices"
)

// A thinner finds good answers quickly, for searches that are too long. It begins with more
// requests than are needed and leaves out one after another, as long as the rest is an answer. Then it
// adds some to the best answer, and leaves out others.
//
// The order is random, but the same each time: the generator begins with the same seed.
type thinner struct {
	optimiser *optimiser
	graph     *stepGraph
	// asked are the groups that are asked, by level, and known what is known after each level,
	// from level 0 on. after is for what would be known.
	asked [][]bool
	known []bits
	after []bits
	gains *gains
	count int
	rand  *rand.Rand
	order []ask
}

// An ask is a request: a group that is asked on a level, counted from 0.
type ask struct{ level, group int }

// thin looks for answers that cost less than the best until so much has been looked at.
func (o *optimiser) thin(until int) {
	s := o.graph
	levels := o.bestCost.Levels + 2
	t := &thinner{optimiser: o, graph: s, rand: rand.New(rand.NewPCG(1, 2))}
	if s.groups == 0 {
		return
	}
	for range levels {
		t.asked = append(t.asked, make([]bool, s.groups))
	}
	t.gains = s.newGains(levels)
	for range levels + 1 {
		t.known, t.after = append(t.known, s.memory.bits(len(s.givers))), append(t.after, s.memory.bits(len(s.givers)))
	}
	best := make([][]bool, levels)
	fewest := 0
	for round := 0; s.looks < until; round++ {
		if fewest == 0 || round%8 == 0 {
			t.addAll()
		} else {
			for level := range t.asked {
				copy(t.asked[level], best[level])
			}
			t.addSome()
		}
		if !t.removeSome(round) {
			return
		}
		t.pack()
		if o.exceeds(t.initial()) {
			continue
		}
		if c := t.cost(); c.compare(o.bestCost) < 0 {
			o.bestCost, o.best = c, t.groups()
		}
		if fewest == 0 || t.count <= fewest {
			fewest = t.count
			for level := range t.asked {
				best[level] = slices.Clone(t.asked[level])
			}
		}
	}
}

// addAll asks all groups on all levels. Of the initial payload, if there are others, it asks those that are
// known to suffice.
func (t *thinner) addAll() {
	for level := range t.asked {
		for g := range t.asked[level] {
			if t.add(level, g); t.graph.sufficient != nil && t.optimiser.isInitial(g) {
				t.asked[level][g] = level < len(t.graph.sufficient) && t.graph.sufficient[level][g]
			}
		}
	}
}

// add asks a group on a level, unless the initial payload has ended before.
func (t *thinner) add(level, g int) {
	t.asked[level][g] = level < t.optimiser.limit.Levels || !t.optimiser.isInitial(g)
}

// initial counts the requests of the initial payload, if there are others.
func (t *thinner) initial() (n int) {
	for _, asked := range t.asked {
		for g := range asked {
			if asked[g] && t.optimiser.isInitial(g) {
				n++
			}
		}
	}
	return n
}

// addSome asks a group on all levels, or all groups on a level, or a few at random.
func (t *thinner) addSome() {
	switch t.rand.IntN(3) {
	case 0:
		g := t.rand.IntN(t.graph.groups)
		for level := range t.asked {
			t.add(level, g)
		}
	case 1:
		level := t.rand.IntN(len(t.asked))
		for g := range t.asked[level] {
			t.add(level, g)
		}
	default:
		for range 4 {
			t.add(t.rand.IntN(len(t.asked)), t.rand.IntN(t.graph.groups))
		}
	}
}

// removeSome leaves out requests in turn, as long as the rest is an answer. It reports
// whether there is one.
func (t *thinner) removeSome(round int) bool {
	t.order = t.order[:0]
	for level, asked := range t.asked {
		t.gains.ask(level, t.known[level], asked, t.known[level+1])
		for g := range asked {
			if asked[g] {
				t.order = append(t.order, ask{level, g})
			}
		}
	}
	if !t.graph.answered(t.known[len(t.asked)]) {
		return false
	}
	t.count = len(t.order)
	t.rand.Shuffle(len(t.order), func(i, j int) { t.order[i], t.order[j] = t.order[j], t.order[i] })
	switch round % 4 {
	case 0: // the earliest first
		slices.SortStableFunc(t.order, func(a, b ask) int { return a.level - b.level })
	case 1: // the latest first
		slices.SortStableFunc(t.order, func(a, b ask) int { return b.level - a.level })
	}
	for _, a := range t.order {
		if t.asked[a.level][a.group] = false; t.answers(a.level) {
			t.count--
		} else {
			t.asked[a.level][a.group] = true
		}
	}
	return true
}

// answers reports whether the requests are an answer after those of a level have changed, and
// then keeps what is known.
func (t *thinner) answers(level int) bool {
	last := len(t.asked)
	before := t.known[level]
	for l := level; l < len(t.asked); l++ {
		t.gains.askAgain(l, t.known[l], before, t.asked[l], t.after[l+1])
		if slices.Equal(t.after[l+1], t.known[l+1]) {
			last = l
			break
		}
		before = t.after[l+1]
	}
	if last == len(t.asked) && !t.graph.answered(t.after[last]) {
		t.gains.forget()
		return false
	}
	t.gains.keep()
	for l := level + 1; l <= last; l++ {
		t.known[l], t.after[l] = t.after[l], t.known[l]
	}
	return true
}

// pack moves requests to earlier levels where nothing is asked.
func (t *thinner) pack() {
	at := 0
	for _, asked := range t.asked {
		if slices.Contains(asked, true) {
			copy(t.asked[at], asked)
			at++
		}
	}
	for _, asked := range t.asked[at:] {
		clear(asked)
	}
}

// cost returns the cost of the requests.
func (t *thinner) cost() Cost {
	c := Cost{Requests: t.count}
	for level, asked := range t.asked {
		if slices.Contains(asked, true) {
			c.Levels = level + 1
		}
	}
	return c
}

// groups returns the groups that are asked, level by level.
func (t *thinner) groups() (all [][]int) {
	for _, asked := range t.asked {
		var groups []int
		for g := range asked {
			if asked[g] {
				groups = append(groups, g)
			}
		}
		if groups != nil {
			all = append(all, groups)
		}
	}
	return all
}
