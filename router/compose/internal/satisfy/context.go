package satisfy

import (
	"slices"
	"strings"

	"souk/router/supergraph"
)

// contexts say, for each source of context values, whether an enclosing object has
// the value. It has one byte for each source.
type contexts string

const (
	contextMissing byte = '?' // no enclosing object sets the context, or none needs to
	contextFound   byte = '+'
	contextFailed  byte = '-' // the nearest object that sets it has no way to its value
)

func (c contexts) value(source int) byte { return c[source] }

// sources are the ways in which fields take argument values from enclosing
// objects (@fromContext). Arguments that take the same value share a source.
type sources struct {
	list  []*source
	index map[*supergraph.ContextArgument]int
}

// A source is a selection on the objects that set a context.
type source struct {
	argument *supergraph.ContextArgument
	subgraph *supergraph.Subgraph
	// users are the types with fields that use it, and leading those with a way
	// down to such a field. Below other types the value does not matter.
	users   []*supergraph.Type
	leading map[*supergraph.Type]bool
}

func contextSources(m *supergraph.Model) sources {
	all := sources{index: map[*supergraph.ContextArgument]int{}}
	for _, t := range m.Types() {
		for _, f := range t.Fields {
			for _, in := range f.In {
				for _, a := range in.Contexts {
					all.add(t, in.Subgraph, a)
				}
			}
		}
	}
	if len(all.list) > 0 {
		parents := parentTypes(m)
		for _, s := range all.list {
			s.leading = ancestors(s.users, parents)
		}
	}
	return all
}

func (s *sources) add(t *supergraph.Type, g *supergraph.Subgraph, a *supergraph.ContextArgument) {
	i := slices.IndexFunc(s.list, func(have *source) bool {
		return have.subgraph == g && have.argument.Context == a.Context && have.argument.Selection == a.Selection
	})
	if i < 0 {
		i = len(s.list)
		s.list = append(s.list, &source{argument: a, subgraph: g})
	}
	s.index[a] = i
	s.list[i].users = append(s.list[i].users, t)
}

// parentTypes maps each type to those with a field, or a possible type, of it.
func parentTypes(m *supergraph.Model) map[*supergraph.Type][]*supergraph.Type {
	parents := map[*supergraph.Type][]*supergraph.Type{}
	for _, t := range m.Types() {
		for _, f := range t.Fields {
			parents[f.Named] = append(parents[f.Named], t)
		}
		if t.Abstract() {
			for _, o := range t.Possible {
				parents[o] = append(parents[o], t)
			}
		}
		for _, i := range t.Interfaces { // fields of an @interfaceObject
			parents[i] = append(parents[i], t)
		}
	}
	return parents
}

func ancestors(of []*supergraph.Type, parents map[*supergraph.Type][]*supergraph.Type) map[*supergraph.Type]bool {
	found := map[*supergraph.Type]bool{}
	for todo := slices.Clone(of); len(todo) > 0; {
		t := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !found[t] {
			found[t] = true
			todo = append(todo, parents[t]...)
		}
	}
	return found
}

// noContexts are the contexts of a root.
func (r *reader) noContexts() contexts {
	return contexts(strings.Repeat(string(contextMissing), len(r.sources.list)))
}

// contextsBelow are the contexts of the values of a field of some objects.
func (r *reader) contextsBelow(o objects, below *supergraph.Type) contexts {
	if len(r.sources.list) == 0 {
		return o.contexts
	}
	all := []byte(o.contexts)
	for i, s := range r.sources.list {
		switch value := s.argument.Value(o.typ); {
		case !s.leading[below]:
			all[i] = contextMissing
		case value == nil:
		case r.reads(o, value.Selections, s.subgraph):
			all[i] = contextFound
		default:
			all[i] = contextFailed
		}
	}
	return contexts(all)
}
