package planner

import (
	"slices"

	"souk/router/operation"
	"souk/router/supergraph"
)

// A division is how the root fields of a mutation become parts: fields that follow each
// other and that one request to one subgraph fetches. Root fields are executed in order
// (GraphQL, section 6.2.2), so no request has others. A part waits for all requests of the
// part before it, also those for what is below the root fields, so parts share nothing and
// their costs add up. A subscription has a single root field, and a single part.
//
// The best division is a shortest path through the fields, the edges of which are the
// possible parts. The cost of a part takes a search, so each begins with its lower bound.
// Only parts on the shortest path are searched, until there is none left on it.
type division struct {
	*improver
	w      *walker
	fields []rootField
	units  []unit
	// choice is set if a field has several starts.
	choice bool
	// parts are those that the division may have, by the unit they begin with.
	parts [][]possiblePart
	// defers is set if the operation has deferred selections.
	defers bool
	// reserve is what is left of the budget for the parts of the division that is chosen.
	// skipped is set if a part was not searched for it.
	reserve int
	skipped bool
	// thorough is the walker for searches, once there is one, with positions of its own.
	thorough  *walker
	positions rootPositions
}

// maxParts bounds the possible parts, unless no two fields that follow each other have a
// subgraph in common. It is enough for 44 fields that two subgraphs have. With more, parts
// begin and end only at every second field, fourth, and so on.
const maxParts = 2000

// A unit is a field, or fields that follow each other, that no part divides.
type unit struct {
	field int // the index of the first one
	// starts are the subgraphs that all its fields can be fetched from, at least one.
	starts []*supergraph.Subgraph
}

// A possiblePart is a part that a division may have.
type possiblePart struct {
	end   int // the unit after it
	start *supergraph.Subgraph
	// least is what every plan for it costs, or less. cost is the same until it is known.
	// Then it is the cost of the best plan that was found, or one that is too high for the
	// part to matter.
	least, cost partCost
	known       bool
	searched    bool // as far as the budget sufficed
	// greedy is the cost of the chooser's choice for the leaves, once they are known.
	greedy partCost
	leaves []*leaf
	// found is what the search found for goals, the leaves of the thorough walk.
	found found
	goals []*leaf
}

// A partCost is the cost of a part, or of parts that follow each other.
type partCost struct {
	Cost
	// wait is the number of levels that the next part waits for. Deferred payloads are not
	// waited for.
	wait int
}

// before returns the cost of a part and those after it.
func (c partCost) before(rest partCost) partCost {
	return partCost{Cost{c.Requests + rest.Requests, max(c.Levels, c.wait+rest.Levels)}, c.wait + rest.wait}
}

func (p *possiblePart) presentCost() partCost { return p.cost }
func (p *possiblePart) leastCost() partCost   { return p.least }
func (p *possiblePart) greedyCost() partCost  { return p.greedy }

// divide finds the division that costs least. The first division is greedy. If it costs
// more than the lower bound, better ones are searched.
func (i *improver) divide(w *walker, fields []rootField, defers bool) []part {
	d := &division{improver: i, w: w, fields: fields, defers: defers, positions: rootPositions{root: i.root}}
	for f := range fields {
		for k := range fields[f].starts {
			i.chooser.choose(w, fields[f].starts[k].leaves)
		}
		d.choice = d.choice || len(fields[f].starts) > 1
	}
	if len(fields) == 0 {
		return nil
	}
	complete := d.findUnits()
	d.findParts()
	chosen := d.along(d.prefer())
	greedy := costOf(chosen, (*possiblePart).greedyCost).Cost
	bound := d.simpleBound()
	if complete {
		bound = costOf(d.shortest((*possiblePart).leastCost), (*possiblePart).leastCost).Cost
	}
	x := i.explanation
	x.Greedy, x.Bound, x.Chosen = greedy, bound, greedy
	if greedy.compare(bound) <= 0 {
		return greedyParts(chosen)
	}
	parts := greedyParts(chosen)
	if better := d.search(chosen, greedy); costOf(better, (*possiblePart).presentCost).compare(greedy) < 0 {
		parts = d.settle(better)
		x.Chosen = costOf(better, (*possiblePart).presentCost).Cost
	}
	if complete {
		bound = costOf(d.shortest((*possiblePart).leastCost), (*possiblePart).leastCost).Cost
	}
	if x.Search = Exact; x.Chosen.compare(bound) > 0 {
		x.Search = Incomplete
	}
	return parts
}

// greedyParts returns the parts of a division with the chooser's choices.
func greedyParts(path []*possiblePart) []part {
	parts := make([]part, len(path))
	for i, p := range path {
		parts[i].leaves = p.leaves
	}
	return parts
}

// settle returns the parts of a division with the choices that cost least.
func (d *division) settle(path []*possiblePart) []part {
	parts := greedyParts(path)
	for i, p := range path {
		if p.found.asked != nil {
			p.cost.Cost = d.improver.settle(d.w, p.found)
			parts[i] = part{leaves: p.goals, searched: true}
		}
	}
	return parts
}

// findUnits finds the units, with as few fields as possible. A part can begin with each
// field but those that have a single start, and the same as the field before. complete is
// set if no others are left out.
func (d *division) findUnits() (complete bool) {
	subgraphs := &d.w.memory.subgraphs
	for i, f := range d.fields {
		if last := len(d.units) - 1; i > 0 && len(f.starts) == 1 && len(d.units[last].starts) == 1 && f.starts[0].subgraph == d.units[last].starts[0] {
			continue
		}
		u := unit{field: i, starts: subgraphs.Make(len(f.starts))}
		for k, s := range f.starts {
			u.starts[k] = s.subgraph
		}
		d.units = append(d.units, u)
	}
	for complete = true; d.tooManyParts(); complete = false {
		merged := d.units[:0:0]
		for i := 0; i < len(d.units); i++ {
			u := d.units[i]
			if i+1 < len(d.units) {
				if both := intersectSubgraphs(u.starts, d.units[i+1].starts); both != nil {
					u.starts = both
					i++
				}
			}
			merged = append(merged, u)
		}
		if len(merged) == len(d.units) {
			break
		}
		d.units = merged
	}
	return complete
}

func intersectSubgraphs(a, b []*supergraph.Subgraph) (both []*supergraph.Subgraph) {
	for _, g := range a {
		if slices.Contains(b, g) {
			both = append(both, g)
		}
	}
	return both
}

func (d *division) tooManyParts() bool {
	n := 0
	for u := range d.units {
		for _, g := range d.units[u].starts {
			if n += d.reach(u, g) - u; n > maxParts {
				return true
			}
		}
	}
	return false
}

// between returns the fields of the units from one to another.
func (d *division) between(from, to int) []rootField {
	if to == len(d.units) {
		return d.fields[d.units[from].field:]
	}
	return d.fields[d.units[from].field:d.units[to].field]
}

// reach returns the unit after the last that can be fetched together with a unit.
func (d *division) reach(unit int, g *supergraph.Subgraph) int {
	for unit++; unit < len(d.units) && slices.Contains(d.units[unit].starts, g); unit++ {
	}
	return unit
}

// findParts finds the possible parts.
func (d *division) findParts() {
	d.parts = make([][]possiblePart, len(d.units))
	for u := range d.units {
		for _, g := range d.units[u].starts {
			d.addParts(u, g)
		}
	}
}

// addParts adds the parts that begin with a unit and are fetched from a subgraph.
func (d *division) addParts(unit int, g *supergraph.Subgraph) {
	b := d.w.from(g)
	for end := unit + 1; end <= d.reach(unit, g); end++ {
		for _, f := range d.between(end-1, end) {
			b.field(objects{typ: d.typ, sure: d.typ.Possible, level1: b.start}, d.typ.Field(f.field.Name), f.field)
		}
		least := b.bound()
		d.parts[unit] = append(d.parts[unit], possiblePart{end: end, start: g, least: least, cost: least})
	}
}

// along returns the division in which all units have the preferred subgraphs, measured.
func (d *division) along(preferred []*supergraph.Subgraph) (path []*possiblePart) {
	for u := 0; u < len(d.units); {
		end := u + 1
		for end < len(d.units) && preferred[end] == preferred[u] {
			end++
		}
		for i := range d.parts[u] {
			if p := &d.parts[u][i]; p.end == end && p.start == preferred[u] {
				d.measure(u, p)
				path = append(path, p)
			}
		}
		u = end
	}
	return path
}

// shortest returns the division that costs least if each part has a cost.
func (d *division) shortest(cost func(*possiblePart) partCost) (path []*possiblePart) {
	rest := make([]partCost, len(d.units)+1)
	best := make([]*possiblePart, len(d.units))
	for u := len(d.units) - 1; u >= 0; u-- {
		for i := range d.parts[u] {
			p := &d.parts[u][i]
			if p.end < len(d.units) && best[p.end] == nil {
				continue
			}
			if c := cost(p).before(rest[p.end]); best[u] == nil || c.compare(rest[u].Cost) < 0 {
				rest[u], best[u] = c, p
			}
		}
	}
	for u := 0; u < len(d.units); u = best[u].end {
		path = append(path, best[u])
	}
	return path
}

func costOf(path []*possiblePart, cost func(*possiblePart) partCost) (c partCost) {
	for i := len(path) - 1; i >= 0; i-- {
		c = cost(path[i]).before(c)
	}
	return c
}

// simpleBound returns requests and levels that no division can do with less: a part for each
// run of fields that have a subgraph in common, and a request to each subgraph that is needed.
func (d *division) simpleBound() Cost {
	parts := 0
	for u := 0; u < len(d.units); parts++ {
		end := u
		for _, g := range d.units[u].starts {
			end = max(end, d.reach(u, g))
		}
		u = end
	}
	b := bounder{walker: d.w}
	for _, f := range d.fields {
		b.field(objects{typ: d.typ, sure: d.typ.Possible}, d.typ.Field(f.field.Name), f.field)
	}
	c := b.bound()
	return Cost{max(parts, c.Requests), max(parts, c.Levels)}
}

// search returns the best division that is found, which is the greedy one if no other costs
// less.
func (d *division) search(greedy []*possiblePart, limit Cost) []*possiblePart {
	if d.choice {
		d.reserve = d.budget / 3
	}
	path := d.searchBelow(limit)
	if path == nil {
		path = greedy
	}
	if !d.skipped {
		return path
	}
	d.reserve = 0
	unit := 0
	for _, p := range path {
		if !p.searched {
			d.know(unit, p, p.greedy.Cost)
		}
		unit = p.end
	}
	return path
}

// searchBelow returns the best division that costs less than a limit, as far as the budget
// suffices; nil if there is none.
func (d *division) searchBelow(limit Cost) []*possiblePart {
	for {
		path := d.shortest((*possiblePart).presentCost)
		total := costOf(path, (*possiblePart).presentCost)
		if total.compare(limit) >= 0 {
			return nil
		}
		unit, unknown := 0, (*possiblePart)(nil)
		for _, p := range path {
			if !p.known {
				unknown = p
				break
			}
			unit = p.end
		}
		if unknown == nil {
			return path
		}
		// The other parts of the path cost as much or more in any division.
		room := Cost{limit.Requests - (total.Requests - unknown.cost.Requests), limit.Levels - (total.Levels - unknown.cost.Levels)}
		d.know(unit, unknown, room)
	}
}

// know finds out what a part costs, which begins with a unit, or that it costs at least as
// much as a limit.
func (d *division) know(unit int, p *possiblePart, limit Cost) {
	d.measure(unit, p)
	p.known, p.cost = true, p.greedy
	if p.greedy.compare(p.least.Cost) <= 0 {
		return
	}
	if d.budget <= d.reserve {
		d.skipped = true
		return
	}
	p.searched = true
	goals, complete := d.thoroughLeaves(unit, p)
	if goals == nil {
		return
	}
	if d.defers || p.greedy.compare(limit) < 0 { // with deferred payloads, levels do not add up
		limit = p.greedy.Cost
	}
	budget := d.budget
	if d.choice { // some is left for other parts
		budget = (d.budget - d.reserve + 1) / 2
	}
	d.budget -= d.w.edges // for making the graph
	p.found = d.improver.search(d.w, goals, limit, budget)
	exact := p.found.exact && complete
	if p.found.asked != nil {
		p.cost, p.goals = partCost{p.found.cost, p.found.wait()}, goals
	} else if exact {
		p.cost.Cost = limit
	}
	if !d.defers {
		p.cost.wait = p.cost.Levels
	}
	if exact {
		p.least.Cost = p.cost.Cost
		if !d.defers {
			p.least.wait = p.cost.wait
		}
	}
}

// wait returns the number of levels with requests for the initial payload.
func (f *found) wait() (levels int) {
	for level, groups := range f.asked {
		for _, g := range groups {
			if f.graph.groups[g].deferID == 0 {
				levels = level + 1
			}
		}
	}
	return levels
}

// measure computes what the chooser's choice for a part costs, which begins with a unit.
func (d *division) measure(unit int, p *possiblePart) {
	if p.leaves != nil {
		return
	}
	p.leaves = d.leaves(unit, p.end, p.start)
	p.greedy.Cost = measure(d.w.memory, p.leaves, d.chooser.chosen)
	for _, f := range d.w.memory.measurer.fetches {
		if f.deferID == 0 {
			p.greedy.wait = max(p.greedy.wait, f.level+1)
		}
	}
}

// leaves returns those of the units from one to another, fetched from a subgraph.
func (d *division) leaves(from, to int, g *supergraph.Subgraph) (all []*leaf) {
	fields := d.between(from, to)
	for i := range fields {
		all = d.w.memory.leafLists.Append(all, fields[i].from(g).leaves...)
	}
	return all
}

// thoroughLeaves are what a thorough walk found for a root field from a start.
type thoroughLeaves struct {
	walked bool
	leaves []*leaf // nil if it failed
	// complete is set if no path was left out.
	complete bool
}

// thoroughLeaves returns the leaves of a part, which begins with a unit, with all paths that
// can matter; nil if they cannot be found. complete is set if no path was left out.
func (d *division) thoroughLeaves(unit int, p *possiblePart) (leaves []*leaf, complete bool) {
	complete = true
	fields := d.between(unit, p.end)
	for i := range fields {
		t := &fields[i].from(p.start).thorough
		if !t.walked {
			*t = d.walkThoroughly(fields[i].field, p.start)
		}
		if t.leaves == nil {
			return nil, false
		}
		leaves = d.w.memory.leafLists.Append(leaves, t.leaves...)
		complete = complete && t.complete
	}
	return leaves, complete
}

func (d *division) walkThoroughly(f *operation.Field, g *supergraph.Subgraph) thoroughLeaves {
	if d.thorough == nil {
		d.thorough = d.thoroughWalker(d.w)
	}
	d.thorough.incomplete = false
	leaves, err := d.thorough.walkFrom(g, d.positions.of(d.w.memory, g), d.typ, f)
	d.w.edges, d.w.leaves = d.thorough.edges, d.thorough.leaves
	if err != nil || d.thorough.budget < 0 {
		leaves = nil
	}
	return thoroughLeaves{walked: true, leaves: leaves, complete: !d.thorough.incomplete}
}
