package planner

import (
	"reflect"
	"slices"

	"souk/router/operation"
	"souk/router/plan"
	"souk/router/supergraph"
)

// A contextValue is the value of an argument that is taken from an ancestor of
// the object whose field has the argument (@fromContext).
type contextValue struct {
	argument *supergraph.ContextArgument
	// sources are tried in order, the nearest ancestors first.
	sources []contextSource
}

// A contextSource is an ancestor that has the value if it is of the type typ.
type contextSource struct {
	position *position
	typ      *supergraph.Type
	fields   []operation.Selection
}

// contextValues finds the sources of the context arguments of a field, and the
// leaves of their values.
func (w *walker) contextValues(b *branch, in *supergraph.FieldIn) (values []*contextValue, leaves []*leaf, err error) {
	for _, a := range in.Contexts {
		v := &contextValue{argument: a}
		more, err := w.findContext(b, v)
		if err != nil {
			return nil, nil, err
		}
		values, leaves = append(values, v), append(leaves, more...)
	}
	return values, leaves, nil
}

// findContext looks for the nearest ancestor that sets a context. Where only
// some of the types that an ancestor may have set it, the search continues
// further up for objects of the others.
func (w *walker) findContext(from *branch, v *contextValue) ([]*leaf, error) {
	var leaves []*leaf
	for b := from.parent; b != nil; b = b.parent {
		if fields := v.argument.Value(b.typ); fields != nil {
			more, err := w.walk(b, fields.Selections)
			v.sources = append(v.sources, contextSource{b.position, b.typ, fields.Selections})
			return append(leaves, more...), err
		}
		all := true
		for _, o := range b.typ.Possible {
			fields, d := v.argument.Value(o), (*branch)(nil)
			if fields != nil {
				d = w.downcast(b, o)
			}
			if d == nil {
				all = all && fields != nil // a type that no subgraph returns needs no value
				continue
			}
			more, err := w.walk(d, fields.Selections)
			if err != nil {
				return nil, err
			}
			if name := w.typenameLeaf(b); name != nil {
				more = append(more, name)
			}
			v.sources = append(v.sources, contextSource{d.position, o, fields.Selections})
			leaves = append(leaves, more...)
		}
		if all && len(v.sources) > 0 {
			return leaves, nil
		}
	}
	return nil, &unreachable{b: from}
}

// contextArguments returns the context arguments of a key edge, with the places
// of their values.
func (p *placer) contextArguments(e *edge) []*contextArgument {
	path := e.position.path(&p.memory.output)
	var list []*contextArgument
	for _, v := range e.contexts {
		a := &contextArgument{argument: v.argument}
		for _, s := range v.sources {
			source := plan.ContextSource{
				Depth:  len(s.position.path(&p.memory.output)),
				Fields: p.represent(nil, e.subgraph, s.position.slot, s.typ, s.typ.Possible, s.typ.Possible, s.fields),
			}
			on := []string{s.typ.Name}
			impliedByPath := source.Depth > 0 && slices.Equal(path[source.Depth-1].Types, on)
			if s.position.on != nil && !impliedByPath {
				source.On = on
			}
			a.sources = append(a.sources, source)
		}
		list = append(list, a)
	}
	return list
}

// A contextArgument is a contextValue with the places its sources have in the
// tree of stored objects.
type contextArgument struct {
	argument *supergraph.ContextArgument
	sources  []plan.ContextSource
}

// sameArguments reports whether two entity fetches take the arguments they
// share from the same ancestors. Those of the same objects do, unless one was
// reached through an interface and the other by its types.
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

// addArguments adds the arguments of another entity fetch.
func addArguments(to, more []*contextArgument) []*contextArgument {
	to = slices.Clip(to)
	for _, m := range more {
		if !slices.ContainsFunc(to, func(a *contextArgument) bool { return a.argument == m.argument }) {
			to = append(to, m)
		}
	}
	return to
}
