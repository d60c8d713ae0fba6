package planner

import (
	"strings"
	"sync"
	"unicode"

	"souk/router/operation"
	"souk/router/supergraph"
)

// requirements are the fields of a graph that require others, or values of contexts. It is the same for all
// operations, and made for the first one.
//
// A jump that sends what such a field requires leads to no other field. So it is made only where the field is
// selected, by the client or by a key or a requirement.
type requirements struct {
	once sync.Once
	of   map[*supergraph.TypeIn][]requiringField
	// conditions are the names of fields that may be part of a key, or required, by type: of those that more than one
	// subgraph may know, if only by an interface (@interfaceObject).
	conditions map[*supergraph.Type][]string
}

// A requiringField is a field of a type that requires something in a subgraph.
type requiringField struct {
	name string
	in   *supergraph.FieldIn
	// mayBeCondition is set if a field of this name is part of a key, or required itself.
	mayBeCondition bool
}

// in returns the fields of a type that require something in a subgraph.
func (r *requirements) in(m *supergraph.Model, t *supergraph.TypeIn) []requiringField {
	r.once.Do(func() { r.read(m) })
	return r.of[t]
}

// conditionsOf returns the fields of an object type that may be part of a key, or required.
func (r *requirements) conditionsOf(m *supergraph.Model, t *supergraph.Type) []string {
	r.once.Do(func() { r.read(m) })
	return r.conditions[t]
}

func (r *requirements) read(m *supergraph.Model) {
	r.of = map[*supergraph.TypeIn][]requiringField{}
	conditions := map[string]bool{}
	for _, t := range m.Types() {
		for _, in := range t.In {
			for _, k := range in.Keys {
				addNames(conditions, k.Fields.Selections)
			}
		}
		for _, f := range t.Fields {
			for _, in := range f.In {
				if in.Requires == nil && in.Contexts == nil {
					continue
				}
				of := t.InSubgraph(in.Subgraph)
				r.of[of] = append(r.of[of], requiringField{name: f.Name, in: in})
				if in.Requires != nil {
					addNames(conditions, in.Requires.Selections)
				}
				for _, c := range in.Contexts {
					for _, word := range strings.FieldsFunc(c.Selection, isNoName) {
						conditions[word] = true
					}
				}
			}
		}
	}
	r.conditions = map[*supergraph.Type][]string{}
	for _, t := range m.Types() {
		for _, f := range t.Fields {
			if t.Kind == supergraph.Object && (len(t.In) > 1 || len(t.Interfaces) > 0) && conditions[f.Name] {
				r.conditions[t] = append(r.conditions[t], f.Name)
			}
		}
	}
	for _, fields := range r.of {
		for i := range fields {
			fields[i].mayBeCondition = conditions[fields[i].name]
		}
	}
}

// isNoName reports whether a character cannot be part of a name.
func isNoName(c rune) bool { return c != '_' && !unicode.IsLetter(c) && !unicode.IsDigit(c) }

// addNames adds the names of selected fields.
func addNames(names map[string]bool, selections []operation.Selection) {
	for _, sel := range selections {
		switch sel := sel.(type) {
		case *operation.Field:
			names[sel.Name] = true
			addNames(names, sel.Selections)
		case *operation.InlineFragment:
			addNames(names, sel.Selections)
		}
	}
}
