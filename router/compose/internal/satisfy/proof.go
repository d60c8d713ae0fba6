package satisfy

import (
	"slices"
	"strings"

	"souk/router/operation"
	"souk/router/supergraph"
)

// A Proof is what a check that finds no problem leaves for the next one: for each
// type, the sets of positions at which its objects arrive. All fields can be resolved
// from each of them.
type Proof struct {
	arrivals map[string]map[string][]place
}

// A place is a position in terms that hold for other supergraphs too.
type place struct {
	subgraph, typ string
	provided      []operation.Selection
}

// recording collects the sets at which objects of each type arrive.
type recording map[*supergraph.Type]map[*set]bool

func (a recording) add(t *supergraph.Type, at *set) {
	if a == nil {
		return
	}
	if a[t] == nil {
		a[t] = map[*set]bool{}
	}
	a[t][at] = true
}

// provableSteps bounds a check that leaves a proof: a supergraph that is much further from
// the bound of a check than a change can take it.
const provableSteps = maxSteps / 10

// Prove is Check. It returns a proof unless there is a problem, a progressive override, a
// context argument, or a mutation or subscription that several subgraphs resolve: then
// states depend on more than positions.
func Prove(m *supergraph.Model) (errors, hints []Problem, proof *Proof) {
	c := newChecker(m, maxSteps, nil)
	c.walk.arrivals = recording{}
	errors, hints = c.check()
	if len(errors)+len(hints)+len(m.Labels)+len(c.sources.list)+len(c.effects) > 0 || maxSteps-c.steps > provableSteps {
		return errors, hints, nil
	}
	p := &Proof{map[string]map[string][]place{}}
	p.add(c.walk)
	return nil, nil, p
}

// add adds the arrivals of a walk without failures.
func (p *Proof) add(w *walk) {
	known := map[*set]string{}
	for t, sets := range w.arrivals {
		all := p.arrivals[t.Name]
		if all == nil {
			all = make(map[string][]place, len(sets))
			p.arrivals[t.Name] = all
		}
		for at := range sets {
			key, done := known[at]
			if !done {
				key = w.describe(at)
				known[at] = key
			}
			if all[key] == nil {
				all[key] = w.places(at)
			}
		}
	}
}

// describe identifies a set by the names of what it consists of.
func (s *space) describe(at *set) string {
	var b strings.Builder
	for _, p := range at.positions {
		b.WriteString(s.subgraph(p).Name + "\x00" + s.typ(p).Name + "\x00")
		if provided := s.provided(p); len(provided) > 0 {
			b.WriteString((&operation.Operation{Selections: provided}).Key())
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func (s *space) places(at *set) []place {
	all := make([]place, len(at.positions))
	for i, p := range at.positions {
		all[i] = place{s.subgraph(p).Name, s.typ(p).Name, s.provided(p)}
	}
	return all
}

// arrival returns the set of some places. It reports whether they all exist.
func (s *space) arrival(places []place, m *supergraph.Model) (*set, bool) {
	all := make([]position, len(places))
	for i, p := range places {
		g, t := m.Subgraph(p.subgraph), m.Type(p.typ)
		if g == nil || t == nil || t.InSubgraph(g) == nil {
			return nil, false
		}
		all[i] = s.at(g, t, p.provided)
	}
	return s.set(all), true
}

// A Part is a part of a supergraph that a proof is extended to.
type Part struct {
	Model *supergraph.Model
	// Whole are the types of which the model has all content, and all content that
	// visiting their objects reads. Of the others it has what fields that lead to them
	// need.
	Whole map[string]bool
	// Affected are those for which the proof no longer holds. Others that are whole may
	// be visited too.
	Affected map[string]bool
}

// Extend extends a proof to a supergraph of which a part has changed. Whether all
// fields of some objects can be resolved depends on their state, the type and the
// positions, and on the content that is read on the way. For types that are not
// affected, none of that content has changed. So, by induction on the length of a path:
// where it arrives at such a type in a state of the proof, it arrives next in the same
// states as before, all of which are part of the proof. Where it arrives at an affected
// type, or in another state, the state is visited. The states of the proof at affected
// types are visited too, because paths that have not changed still lead there; those
// with a position that does not exist any more are left out, because only fields that
// have changed led there. A state that was not visited because another one dominated it
// counts as proved, as for Check: all that the other one can resolve, it can resolve.
//
// It returns the types that have to be whole before it can decide, or false if the
// supergraph must be checked as a whole: there may be a problem. Otherwise it extends
// the proof.
func (p *Proof) Extend(part Part) (missing []string, proved bool) {
	m := part.Model
	c := newChecker(m, maxSteps, nil)
	if len(m.Labels)+len(c.sources.list) > 0 {
		return nil, false
	}
	w := c.walk
	w.arrivals = recording{}
	unknown := map[string]bool{}
	w.proved = func(t *supergraph.Type, at *set) bool {
		if !part.Affected[t.Name] && p.arrivals[t.Name] != nil {
			if _, known := p.arrivals[t.Name][w.describe(at)]; known {
				return true
			}
		}
		if part.Whole[t.Name] {
			return false
		}
		unknown[t.Name] = true
		return true
	}
	for name := range part.Affected {
		p.revisit(c, name)
	}
	c.start(func(root *supergraph.Type) bool { return part.Affected[root.Name] })
	w.run()
	if len(w.failures)+len(w.disagreements)+len(c.effects) > 0 || c.steps < 0 {
		return nil, false
	}
	for name := range unknown {
		missing = append(missing, name)
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return missing, true
	}
	for name := range part.Affected {
		delete(p.arrivals, name)
	}
	p.add(w)
	return nil, true
}

// revisit starts from the states of the proof at an affected type.
func (p *Proof) revisit(c *checker, name string) {
	t := c.model.Type(name)
	if t == nil {
		return
	}
	for _, places := range p.arrivals[name] {
		if at, exists := c.arrival(places, c.model); exists {
			c.walk.start(&state{typ: t, at: at, labels: c.undecided(), contexts: c.noContexts()})
		}
	}
}

// Size is the number of states of a proof.
func (p *Proof) Size() (n int) {
	for _, all := range p.arrivals {
		n += len(all)
	}
	return n
}

// Types lists the types as which objects of a type arrive: itself, and those that
// subgraphs return in its place.
func (p *Proof) Types(name string) (types []string) {
	for _, places := range p.arrivals[name] {
		for _, each := range places {
			if each.typ != name && !slices.Contains(types, each.typ) {
				types = append(types, each.typ)
			}
		}
	}
	return types
}
