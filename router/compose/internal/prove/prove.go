package prove

import (
	"maps"
	"slices"

	"souk/router/compose/internal/satisfy"
	"souk/router/compose/internal/schema"
	"souk/router/supergraph"
)

// A Supergraph is a supergraph to check.
type Supergraph struct {
	*schema.Schema
	Texts map[string]string // its types as they are printed, by name
}

// A Memory is what a check leaves for the next one. It cannot be used again after that.
type Memory struct {
	before *Supergraph
	reads  reads
	proof  *satisfy.Proof
	size   int // of the proof when all of the supergraph was checked
}

// Check checks a supergraph. before is the memory of the check of another supergraph, or
// nil: it makes the check faster, with the same result. The memory is nil if it would be of no use. An error says that the router cannot read the
// supergraph.
func Check(super *Supergraph, before *Memory) (problems, hints []satisfy.Problem, memory *Memory, err error) {
	if before != nil {
		if m := before.extend(super); m != nil {
			return nil, nil, m, nil
		}
	}
	model, err := supergraph.Read(super.Document())
	if err != nil {
		return nil, nil, nil, err //nolint:wrapcheck // it says what cannot be read
	}
	problems, hints, proof := satisfy.Prove(model)
	if proof != nil {
		memory = &Memory{before: super, reads: reads{}, proof: proof, size: proof.Size()}
		memory.reads.add(super.Schema, super.Types)
	}
	return problems, hints, memory, nil
}

// CheckOnce is Check for a supergraph that is not checked again.
func CheckOnce(super *schema.Schema) (problems, hints []satisfy.Problem, err error) {
	model, err := supergraph.Read(super.Document())
	if err != nil {
		return nil, nil, err //nolint:wrapcheck // it says what cannot be read
	}
	problems, hints = satisfy.Check(model)
	return problems, hints, nil
}

const (
	// maxRounds bounds how often a part is enlarged before everything is checked.
	maxRounds = 8
	// maxPart bounds a part, as a fraction of the types of the supergraph: beyond half
	// of them, it is faster to check everything.
	maxPart = 2
)

// extend returns the memory of a supergraph that is proved by what is known of the one
// before, or nil if it is not.
func (m *Memory) extend(super *Supergraph) *Memory {
	if !sameTerms(m.before.Schema, super.Schema) {
		return nil
	}
	changed := m.changes(super)
	next := &Memory{before: super, reads: maps.Clone(m.reads), proof: m.proof, size: m.size}
	next.reads.update(super.Schema, changed)
	affected := next.affected(changed, m.before.Schema)
	p := newPart(super.Schema, next.reads)
	for name := range affected {
		p.include(name)
		for _, other := range m.proof.Types(name) {
			p.include(other)
		}
	}
	for range maxRounds {
		if len(p.whole)*maxPart > len(super.Types)+maxPart*smallPart {
			return nil
		}
		model, err := supergraph.Read(p.schema().Document())
		if err != nil {
			return nil
		}
		missing, proved := m.proof.Extend(satisfy.Part{Model: model, Whole: p.whole, Affected: affected})
		switch {
		case !proved:
			return nil
		case len(missing) > 0:
			for _, name := range missing {
				p.include(name)
			}
			continue
		}
		// States of paths that do not exist any more stay in the proof: bound them.
		if next.proof.Size() > 2*next.size+smallPart {
			return nil
		}
		return next
	}
	return nil
}

// sameTerms reports whether equal texts of types mean the same in two supergraphs: they
// link the same specifications, have the same root types, and no name of a subgraph in
// join__Graph stands for different ones.
func sameTerms(before, now *schema.Schema) bool {
	same := func(a, b *schema.Directive) bool { return a.Print(before) == b.Print(now) }
	if before.Roots != now.Roots || !slices.EqualFunc(before.Applied, now.Applied, same) {
		return false
	}
	graphs := before.Own("join__Graph")
	return !slices.ContainsFunc(now.Own("join__Graph").Values, func(v *schema.EnumValue) bool {
		old := graphs.Value(v.Name)
		return old != nil && old.First("join__graph").Text("name") != v.First("join__graph").Text("name")
	})
}

// smallPart is a number of types, or of states, that is small for any supergraph.
const smallPart = 100
