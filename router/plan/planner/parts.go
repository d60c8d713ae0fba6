package planner

import (
	"slices"

	"souk/router/supergraph"
)

// maxParts bounds the possible parts, unless no two fields that follow each other have a
// subgraph in common. It is enough for 44 fields that two subgraphs have. With more, parts
// begin and end only at every second field, fourth, and so on.
const maxParts = 2000

// A unit is a field, or fields that follow each other, that no part divides.
type unit struct {
	field int // the index of the first one
	// starts are the subgraphs that all its fields can be fetched from, at least one.
	starts []*supergraph.Subgraph
	// parts is the index of the first part that begins with it.
	parts int
}

// A possiblePart is a part that a division may have.
type possiblePart struct {
	end   int // the unit after it
	start *supergraph.Subgraph
	// least is what every plan for it costs, or less. cost is the same until it is known.
	// Then it is the cost of the best plan that was found, or one that is too high for the
	// part to matter.
	least, cost Cost
	known       bool
	searched    bool // as far as the budget sufficed
	// greedy is the cost of the chooser's choice for the leaves, once they are known.
	greedy Cost
	leaves []*leaf
	// found is what the search found.
	found found
}

func (p *possiblePart) presentCost() Cost { return p.cost }
func (p *possiblePart) leastCost() Cost   { return p.least }
func (p *possiblePart) greedyCost() Cost  { return p.greedy }

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
		d.units = d.w.memory.units.Append(d.units, u)
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
	n := 0
	for u := range d.units {
		d.units[u].parts = n
		for _, g := range d.units[u].starts {
			n += d.reach(u, g) - u
		}
	}
	d.parts = d.w.memory.possible.Make(n)[:0]
	for u := range d.units {
		for _, g := range d.units[u].starts {
			d.addParts(u, g)
		}
	}
}

// partsFrom returns the possible parts that begin with a unit.
func (d *division) partsFrom(unit int) []possiblePart {
	if unit+1 == len(d.units) {
		return d.parts[d.units[unit].parts:]
	}
	return d.parts[d.units[unit].parts:d.units[unit+1].parts]
}

// addParts adds the parts that begin with a unit and are fetched from a subgraph.
func (d *division) addParts(unit int, g *supergraph.Subgraph) {
	all, root := d.w.from(g, d.typ)
	initial, _ := d.w.from(g, d.typ)
	initial.initial = true
	last := d.reach(unit, g)
	for end := unit + 1; end <= last; end++ {
		for _, f := range d.between(end-1, end) {
			all.field(root, d.typ.Field(f.field.Name), f.field)
			if d.w.defers {
				initial.field(root, d.typ.Field(f.field.Name), f.field)
			}
		}
		least := all.bound()
		if d.w.defers {
			least = least.withInitial(initial.bound())
		}
		d.parts = append(d.parts, possiblePart{end: end, start: g, least: least, cost: least})
	}
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
	b := d.w.newBounder()
	for _, f := range d.fields {
		b.field(objects{typ: d.typ, sure: d.typ.Possible}, d.typ.Field(f.field.Name), f.field)
	}
	c := b.bound()
	c.Requests, c.Levels = max(parts, c.Requests), max(parts, c.Levels)
	if d.w.defers {
		c = c.withInitial(Cost{Requests: parts, Levels: parts})
	}
	return c
}

// measure computes what the chooser's choice for a part costs, which begins with a unit.
func (d *division) measure(unit int, p *possiblePart) {
	if p.leaves != nil {
		return
	}
	p.leaves = d.leaves(unit, p.end, p.start)
	p.greedy = measure(d.w.memory, p.leaves, d.chooser.chosen, d.w.defers)
}

// leaves returns those of the units from one to another, fetched from a subgraph.
func (d *division) leaves(from, to int, g *supergraph.Subgraph) (all []*leaf) {
	fields := d.between(from, to)
	for i := range fields {
		all = d.w.memory.leafLists.Append(all, fields[i].from(g).leaves...)
	}
	return all
}

// goals returns the leaves of a part, which begins with a unit, with all paths that can
// matter. byType is set for those of a walk that selects fields of interfaces by type.
func (d *division) goals(unit int, p *possiblePart, byType bool) goals {
	all := goals{complete: true}
	fields := d.between(unit, p.end)
	for i := range fields {
		g := d.goalsOf(&fields[i], p.start, byType)
		if g.leaves == nil {
			return goals{}
		}
		all.leaves = d.w.memory.leafLists.Append(all.leaves, g.leaves...)
		all.complete, all.interfaces, all.byType = all.complete && g.complete, all.interfaces || g.interfaces, all.byType || g.byType
	}
	return all
}

// goalsOf returns the goals of a root field that is fetched from a subgraph.
func (d *division) goalsOf(f *rootField, g *supergraph.Subgraph, byType bool) goals {
	s, walk := f.from(g), &d.thorough
	known := &s.goals
	if byType {
		known, walk = &s.byType, &d.byType
	}
	if *known == nil {
		if *walk == nil {
			*walk = d.thoroughly(d.w, byType)
		}
		found := (*walk).field(g, d.typ, f.field)
		*known = &found
	}
	return **known
}
