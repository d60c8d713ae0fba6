package planner

import (
	"cmp"
	"slices"

	"souk/router/plan"
)

// remember keeps two fetches of the same objects as they are before they are
// joined: what the one needs may fail to come, and the other shall not fail
// with it.
func (f *fetch) remember(other *fetch) {
	if f.alone == nil {
		f.alone = []*fetch{f.clone()}
	}
	f.alone = append(f.alone, other.clone())
	f.needs = slices.Clone(f.needs)
	for _, s := range other.needs {
		if !slices.Contains(f.needs, s) {
			f.needs = append(f.needs, s)
		}
	}
	slices.SortFunc(f.needs, func(a, b *step) int { return a.order - b.order })
}

// clone copies a fetch for objects of one type.
func (f *fetch) clone() *fetch {
	target := f.targets[0]
	target.Path = slices.Clone(target.Path)
	target.Representations = slices.Clone(target.Representations)
	return &fetch{
		key: f.key, needs: f.needs, arguments: f.arguments,
		targets: []plan.Target{target},
		parts:   []part{{f.parts[0].on, f.parts[0].sel.clone()}},
	}
}

func (s *selection) clone() *selection {
	out := &selection{typ: s.typ, typename: s.typename}
	for _, f := range s.fields {
		copied := *f
		if f.sel != nil {
			copied.sel = f.sel.clone()
		}
		out.fields = append(out.fields, &copied)
	}
	for _, f := range s.fragments {
		out.fragments = append(out.fragments, part{f.on, f.sel.clone()})
	}
	return out
}

// rests gives the fetches to make for objects that lacked something of what a
// joined fetch needs.
func (f *fetch) rests() []*fetch {
	var out []*fetch
	for _, a := range f.alone {
		if len(a.needs) == len(f.needs) { // it lacks the same
			continue
		}
		if !slices.ContainsFunc(out, func(to *fetch) bool { return slices.Equal(to.needs, a.needs) && to.join(a) }) {
			out = append(out, a)
		}
	}
	return out
}

// addRests puts after each step with joined fetches one for the objects that
// lacked something.
func addRests(steps []*step) []*step {
	rests := map[*step]*step{}
	out := slices.Clone(steps)
	for _, s := range steps {
		rest := &step{kind: s.kind, op: s.op, graph: s.graph, after: []*step{s}, part: s.part, level: s.level, order: s.order, rest: s}
		for _, f := range s.fetches {
			rest.fetches = append(rest.fetches, f.rests()...)
		}
		if rest.fetches != nil {
			rests[s] = rest
			out = append(out, rest)
		}
	}
	for _, s := range steps {
		for _, a := range s.after {
			if rest := rests[a]; rest != nil {
				s.after = append(s.after, rest)
			}
		}
	}
	return out
}

// inOrder orders steps so that each comes after those it needs.
func inOrder(a, b *step) int {
	return cmp.Or(cmp.Compare(a.level, b.level), cmp.Compare(a.order, b.order), cmp.Compare(isRest(a), isRest(b)))
}

func isRest(s *step) int {
	if s.rest != nil {
		return 1
	}
	return 0
}
