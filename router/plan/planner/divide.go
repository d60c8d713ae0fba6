package planner

import "souk/router/supergraph"

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
	// parts are those that the division may have, in the order of the units they begin with.
	parts []possiblePart
	// rest has the least costs of the units from each on, best the parts they begin with.
	rest []Cost
	best []*possiblePart
	// reserve is what is left of the budget for the parts of the division that is chosen.
	// skipped is set if a part was not searched for it.
	reserve int
	skipped bool
	// thorough and byType are the walks for searches, once there are any.
	thorough, byType *thoroughWalk
}

// divide finds the division that costs least. The first division is greedy. If it costs
// more than the lower bound, better ones are searched.
func (i *improver) divide(w *walker, fields []rootField) []part {
	d := &division{improver: i, w: w, fields: fields}
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
	chosen := d.greedy()
	greedy := costOf(chosen, (*possiblePart).greedyCost)
	x := i.explanation
	x.Greedy, x.Bound, x.Chosen = greedy, d.bound(complete), greedy
	parts := d.greedyParts(chosen)
	if greedy.compare(x.Bound) <= 0 {
		return parts
	}
	if w.edges > i.planner.effort.first {
		x.Search = Incomplete
		return parts
	}
	if better := d.better(chosen, greedy); costOf(better, (*possiblePart).presentCost).compare(greedy) < 0 {
		parts = d.settledParts(better)
		x.Chosen = costOf(better, (*possiblePart).presentCost)
	}
	if x.Search = Exact; d.unsettled || x.Chosen.compare(d.bound(complete)) > 0 {
		x.Search = Incomplete
	}
	return parts
}

// bound returns what no division can do with less. complete is set if all parts that it may
// have are known.
func (d *division) bound(complete bool) Cost {
	if !complete {
		return d.simpleBound()
	}
	return costOf(d.shortest((*possiblePart).leastCost), (*possiblePart).leastCost)
}

// greedyParts returns the parts of a division with the chooser's choices.
func (d *division) greedyParts(path []*possiblePart) []part {
	parts := d.w.memory.parts.Make(len(path))
	for i, p := range path {
		parts[i].leaves = p.leaves
	}
	return parts
}

// settledParts returns the parts of a division with the choices that cost least.
func (d *division) settledParts(path []*possiblePart) []part {
	parts := d.greedyParts(path)
	for i, p := range path {
		if p.found.asked != nil {
			p.cost = d.settle(d.w, p.found)
			parts[i] = part{leaves: p.found.goals, searched: true}
		}
	}
	return parts
}

// greedy returns the division with the starts that the chooser prefers, measured.
func (d *division) greedy() (path []*possiblePart) {
	if !d.choice {
		path = d.shortest((*possiblePart).leastCost)
	} else {
		path = d.along(d.prefer())
	}
	unit := 0
	for _, p := range path {
		d.measure(unit, p)
		unit = p.end
	}
	return path
}

// along returns the division in which all units have the preferred subgraphs.
func (d *division) along(preferred []*supergraph.Subgraph) (path []*possiblePart) {
	for u := 0; u < len(d.units); {
		end := u + 1
		for end < len(d.units) && preferred[end] == preferred[u] {
			end++
		}
		parts := d.partsFrom(u)
		for i := range parts {
			if p := &parts[i]; p.end == end && p.start == preferred[u] {
				path = d.w.memory.paths.Append(path, p)
			}
		}
		u = end
	}
	return path
}

// shortest returns the division that costs least if each part has a cost.
func (d *division) shortest(cost func(*possiblePart) Cost) (path []*possiblePart) {
	if d.rest == nil {
		d.rest, d.best = d.w.memory.costs.Make(len(d.units)+1), d.w.memory.paths.Make(len(d.units))
	}
	rest, best := d.rest, d.best
	for u := len(d.units) - 1; u >= 0; u-- {
		best[u] = nil
		parts := d.partsFrom(u)
		for i := range parts {
			p := &parts[i]
			if c := cost(p).before(rest[p.end]); best[u] == nil || c.compare(rest[u]) < 0 {
				rest[u], best[u] = c, p
			}
		}
	}
	for u := 0; u < len(d.units); u = best[u].end {
		path = d.w.memory.paths.Append(path, best[u])
	}
	return path
}

func costOf(path []*possiblePart, cost func(*possiblePart) Cost) (c Cost) {
	for i := len(path) - 1; i >= 0; i-- {
		c = cost(path[i]).before(c)
	}
	return c
}

// better returns the best division that is found, which is the greedy one if no other costs
// less.
func (d *division) better(greedy []*possiblePart, limit Cost) []*possiblePart {
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
			d.know(unit, p, p.greedy)
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
		room := Cost{Requests: limit.Requests - (total.Requests - unknown.cost.Requests), Levels: limit.Levels - (total.Levels - unknown.cost.Levels)}
		d.know(unit, unknown, room)
	}
}

// know finds out what a part costs, which begins with a unit, or that it costs at least as
// much as a limit.
func (d *division) know(unit int, p *possiblePart, limit Cost) {
	d.measure(unit, p)
	p.known, p.cost = true, p.greedy
	if p.greedy.compare(p.least) <= 0 {
		return
	}
	if d.budget <= d.reserve {
		d.skipped = true
		d.endsEarly()
		return
	}
	p.searched = true
	goals := d.goals(unit, p, false)
	if goals.leaves == nil { // the paths of the first walk have to do
		goals.leaves = p.leaves
	}
	if d.w.defers || p.greedy.compare(limit) < 0 { // with deferred payloads, levels do not add up
		limit = p.greedy
	}
	p.found = d.search(d.w, goals, limit, p.least, d.share())
	if goals.interfaces && d.mayImprove(p.found, p.least) {
		p.found = d.searchByType(d.w, p.found, d.goals(unit, p, true), p.least, d.share())
	}
	if p.found.asked != nil {
		p.cost = p.found.cost
	} else if p.found.exact {
		p.cost = limit
	}
	if p.found.exact {
		p.least = p.cost
	} else {
		d.endsEarly()
	}
}

// share returns the budget for a search: some is left for other parts. Making the graph is charged,
// too.
func (d *division) share() int {
	left := d.budget
	d.budget -= d.w.edges
	if !d.choice {
		return left
	}
	return (left - d.reserve + 1) / 2
}
