package planner

import (
	"maps"
	"slices"
	"strings"

	"souk/router/plan"
	"souk/router/supergraph"
)

// schedule makes as few requests as it can of the steps without putting more
// of them one after another: entity steps to one subgraph on one level become
// one request, and a step that nothing waits for joins a later one.
func schedule(steps []*step) []*step {
	for _, s := range steps {
		for _, a := range s.after {
			s.level = max(s.level, a.level+1)
		}
	}
	delay(steps)
	steps = addRests(batch(steps))
	slices.SortStableFunc(steps, inOrder)
	before := map[*step]map[*step]bool{}
	for _, s := range steps {
		before[s] = map[*step]bool{}
		for _, a := range s.after {
			before[s][a] = true
			maps.Copy(before[s], before[a])
		}
		all := slices.Clone(s.after)
		s.after = slices.DeleteFunc(s.after, func(a *step) bool { // others come after it
			return slices.ContainsFunc(all, func(b *step) bool { return before[b][a] })
		})
		if s.sel != nil {
			s.sel.tidy()
		}
		for _, f := range s.fetches {
			for _, p := range f.parts {
				p.sel.tidy()
			}
		}
	}
	return steps
}

// A lane is where entity steps to one subgraph can become one request.
type lane struct {
	graph *supergraph.Graph
	part  int
	level int
}

func lanes(steps []*step) map[lane][]*step {
	m := map[lane][]*step{}
	for _, s := range steps {
		if s.kind == plan.Entities {
			l := lane{s.graph, s.part, s.level}
			m[l] = append(m[l], s)
		}
	}
	return m
}

// delay moves the steps of a lane to the next one of their subgraph when
// nothing has to wait for it.
func delay(steps []*step) {
	last := 0
	dependents := map[*step][]*step{}
	for _, s := range steps {
		last = max(last, s.level)
		for _, a := range s.after {
			dependents[a] = append(dependents[a], s)
		}
	}
	in := lanes(steps)
	for level := last; level >= 0; level-- {
		looked := map[lane]bool{}
		for _, s := range steps {
			l := lane{s.graph, s.part, level}
			if s.level != level || s.kind != plan.Entities || looked[l] {
				continue
			}
			looked[l] = true
			latest := last
			for _, other := range in[l] {
				for _, d := range dependents[other] {
					latest = min(latest, d.level-1)
				}
			}
			for to := level + 1; to <= latest; to++ {
				if later := (lane{s.graph, s.part, to}); in[later] != nil {
					for _, moved := range in[l] {
						moved.level = to
					}
					in[later] = append(in[later], in[l]...)
					delete(in, l)
					break
				}
			}
		}
	}
}

// batch makes one step of all in a lane.
func batch(steps []*step) []*step {
	into := map[*step]*step{}
	for _, list := range lanes(steps) {
		slices.SortFunc(list, func(a, b *step) int { return a.order - b.order })
		for _, s := range list[1:] {
			into[s] = list[0]
		}
	}
	kept := slices.DeleteFunc(slices.Clone(steps), func(s *step) bool { return into[s] != nil })
	for _, s := range steps {
		for _, f := range s.fetches {
			f.needs = batched(s.after, into)
		}
	}
	for _, s := range steps {
		if to := into[s]; to != nil {
			to.after = append(to.after, s.after...)
			to.fetches = append(to.fetches, s.fetches...)
		}
	}
	for _, s := range kept {
		s.after = batched(s.after, into)
		s.fetches = combine(s.fetches)
	}
	return kept
}

// batched gives the steps that some steps have become a part of.
func batched(steps []*step, into map[*step]*step) []*step {
	out := slices.Clone(steps)
	for i, a := range out {
		if to := into[a]; to != nil {
			out[i] = to
		}
	}
	slices.SortFunc(out, func(a, b *step) int { return a.order - b.order })
	return slices.Compact(out)
}

// combine merges fetches of the same objects, and those of objects of
// different types at one place.
func combine(fetches []*fetch) []*fetch {
	same := collect(fetches, (*fetch).objects, (*fetch).join)
	return collect(same, (*fetch).place, (*fetch).widen)
}

// collect has fetches take others in; only those alike can. A fetch that none
// takes in stays.
func collect(fetches []*fetch, alike func(*fetch) string, takeIn func(to, f *fetch) bool) []*fetch {
	var out []*fetch
	by := map[string][]*fetch{}
	for _, f := range fetches {
		key := alike(f)
		if !slices.ContainsFunc(by[key], func(to *fetch) bool { return takeIn(to, f) }) {
			by[key] = append(by[key], f)
			out = append(out, f)
		}
	}
	return out
}

// place tells where a fetch's objects are found, whatever their types.
func (f *fetch) place() string {
	path := f.targets[0].Path
	var b strings.Builder
	for i, s := range path {
		b.WriteString(s.Key)
		for _, t := range s.Types {
			if i < len(path)-1 {
				b.WriteString("|" + t)
			}
		}
		b.WriteByte('.')
	}
	return b.String()
}

// objects tells the place and the type of a fetch's objects.
func (f *fetch) objects() string { return f.place() + f.parts[0].on.Name }

// join takes another fetch of the same objects in, unless a representation
// would then need two values under one name.
func (f *fetch) join(other *fetch) bool {
	to, from := &f.targets[0], &other.targets[0]
	if f.parts[0].on != other.parts[0].on || f.key != other.key || !samePath(to.Path, from.Path) || !sameArguments(f.arguments, other.arguments) {
		return false
	}
	fields, ok := union(to.Representations[0].Fields, from.Representations[0].Fields)
	if !ok {
		return false
	}
	if !slices.Equal(f.needs, other.needs) {
		f.remember(other)
	}
	to.Representations[0].Fields = fields
	f.arguments = addArguments(f.arguments, other.arguments)
	f.parts[0].sel.merge(other.parts[0].sel)
	return true
}

// widen takes another fetch in whose objects are found at the same place but
// are of another object type.
func (f *fetch) widen(other *fetch) bool {
	to, from := &f.targets[0], &other.targets[0]
	last := len(to.Path) - 1
	if f.arguments != nil || other.arguments != nil {
		return false // each object type would need all
	}
	if last < 0 || last != len(from.Path)-1 || !samePath(to.Path[:last], from.Path[:last]) || to.Path[last].Key != from.Path[last].Key {
		return false
	}
	types, more := to.Path[last].Types, from.Path[last].Types
	if types == nil || more == nil || slices.Contains(types, more[0]) || slices.ContainsFunc(f.parts, func(p part) bool { return p.on == other.parts[0].on }) {
		return false
	}
	if len(types) == 1 {
		to.Representations[0].On = types
	}
	from.Representations[0].On = more
	to.Path[last].Types = slices.Concat(types, more)
	to.Representations = append(to.Representations, from.Representations...)
	f.parts = append(f.parts, other.parts...)
	f.alone = append(f.alone, other.alone...)
	return true
}

func samePath(a, b []plan.Segment) bool {
	return slices.EqualFunc(a, b, func(a, b plan.Segment) bool { return a.Key == b.Key && slices.Equal(a.Types, b.Types) })
}

// union unites the fields of two representations, unless one name would
// stand for two values.
func union(a, b []plan.RepresentationField) ([]plan.RepresentationField, bool) {
	out := slices.Clone(a)
	for _, f := range b {
		i := slices.IndexFunc(out, func(have plan.RepresentationField) bool { return have.Name == f.Name })
		if i < 0 {
			out = append(out, f)
			continue
		}
		if out[i].Key != f.Key || !slices.Equal(out[i].On, f.On) {
			return nil, false
		}
		below, ok := union(out[i].Fields, f.Fields)
		if !ok {
			return nil, false
		}
		out[i].Fields = below
	}
	return out, true
}

// merge adds another selection on the same objects.
func (s *selection) merge(other *selection) {
	s.typename = s.typename || other.typename
	for _, f := range other.fields {
		i := slices.IndexFunc(s.fields, func(have *selected) bool { return have.slot == f.slot })
		switch {
		case i < 0:
			s.fields = append(s.fields, f)
		case f.sel != nil:
			s.fields[i].sel.merge(f.sel)
		}
	}
	for _, f := range other.fragments {
		s.fragment(f.on).merge(f.sel)
	}
}

// tidy drops from fragments what is selected around them anyway.
func (s *selection) tidy() {
	for _, f := range s.fields {
		if f.sel != nil {
			f.sel.tidy()
		}
	}
	s.fragments = slices.DeleteFunc(s.fragments, func(f part) bool {
		f.sel.fields = slices.DeleteFunc(f.sel.fields, func(inner *selected) bool {
			return inner.sel == nil && slices.ContainsFunc(s.fields, func(outer *selected) bool { return outer.slot == inner.slot })
		})
		f.sel.tidy()
		return len(f.sel.fields) == 0 && len(f.sel.fragments) == 0
	})
}
