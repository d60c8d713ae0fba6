package planner

import (
	"reflect"
	"slices"

	"souk/router/operation"
	"souk/router/plan"
	"souk/router/supergraph"
)

// A contextValue is the value of an argument that is found in the objects
// above those whose field has the argument (@fromContext).
type contextValue struct {
	argument *supergraph.ContextArgument
	// sources are tried in their order, the nearest objects first.
	sources []contextSource
}

// A contextSource are objects of a type that have the value. The last of
// several is for objects of any type that comes there.
type contextSource struct {
	at     *spot
	typ    *supergraph.Type
	fields []operation.Selection
}

// contextValues finds what the arguments of a field of the objects at a stand
// take their values from, and the ways to that.
func (w *walker) contextValues(s *stand, in *supergraph.FieldIn) (values []*contextValue, needs []*goal, err error) {
	for _, a := range in.Contexts {
		v := &contextValue{argument: a}
		goals, err := w.findContext(s, v)
		if err != nil {
			return nil, nil, err
		}
		values, needs = append(values, v), append(needs, goals...)
	}
	return values, needs, nil
}

// findContext looks for the nearest objects above that set a context. Where
// only some of the types that may stand there do, it depends on the object, and
// it goes on further up for the others.
func (w *walker) findContext(from *stand, v *contextValue) ([]*goal, error) {
	var needs []*goal
	for s := from.above; s != nil; s = s.above {
		if fields := v.argument.Value(s.typ); fields != nil {
			goals, err := w.walk(s, fields.Selections)
			v.sources = append(v.sources, contextSource{s.at, s.typ, fields.Selections})
			return append(needs, goals...), err
		}
		all := true
		for _, o := range s.typ.Possible {
			fields, b := v.argument.Value(o), (*stand)(nil)
			if fields != nil {
				b = w.branch(s, o)
			}
			if b == nil {
				all = all && fields != nil // what no subgraph gives needs no value
				continue
			}
			goals, err := w.walk(b, fields.Selections)
			if err != nil {
				return nil, err
			}
			if name := w.typename(s); name != nil {
				goals = append(goals, name)
			}
			v.sources = append(v.sources, contextSource{b.at, o, fields.Selections})
			needs = append(needs, goals...)
		}
		if all && len(v.sources) > 0 {
			return needs, nil
		}
	}
	return nil, &unreachable{s: from}
}

// contextArguments describes the values that a fetch takes from above.
func (p *placer) contextArguments(m *move) []*contextArgument {
	path := m.at.path()
	var list []*contextArgument
	for _, v := range m.contexts {
		a := &contextArgument{argument: v.argument}
		for _, s := range v.sources {
			source := plan.ContextSource{
				Depth:  len(s.at.path()),
				Fields: p.represent(nil, m.graph, s.at.slot, s.typ, s.typ.Possible, s.typ.Possible, s.fields),
			}
			on := []string{s.typ.Name}
			told := source.Depth > 0 && slices.Equal(path[source.Depth-1].Types, on) // by the path
			if s.at.on != nil && !told {
				source.On = on
			}
			a.sources = append(a.sources, source)
		}
		list = append(list, a)
	}
	return list
}

// A contextArgument is a contextValue as a fetch has it.
type contextArgument struct {
	argument *supergraph.ContextArgument
	sources  []plan.ContextSource
}

// sameArguments says whether two fetches take all values that both need from
// the same objects: fetches of objects at one place do, unless one of them was
// reached as an interface and the other by its types.
func sameArguments(a, b []*contextArgument) bool {
	for _, x := range a {
		for _, y := range b {
			if x.argument == y.argument && !reflect.DeepEqual(x.sources, y.sources) {
				return false
			}
		}
	}
	return true
}

// addArguments adds those of another fetch that are not there yet.
func addArguments(to, more []*contextArgument) []*contextArgument {
	to = slices.Clip(to)
	for _, m := range more {
		if !slices.ContainsFunc(to, func(a *contextArgument) bool { return a.argument == m.argument }) {
			to = append(to, m)
		}
	}
	return to
}
