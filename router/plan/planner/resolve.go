package planner

import (
	"souk/router/operation"
	"souk/router/supergraph"
)

// resolves reports whether a subgraph resolves a field of a type itself at
// the end of a path. It returns the field as the subgraph declares it, and what
// @provides adds below the field.
func (w *walker) resolves(t *supergraph.Type, e *edge, name string) (in *supergraph.FieldIn, provided []operation.Selection, ok bool) {
	f := w.fieldOf(t, name)
	if f == nil {
		return nil, nil, false
	}
	if in = f.InSubgraph(e.subgraph); in == nil {
		return nil, nil, false
	}
	if in.Provides != nil {
		provided = in.Provides.Selections
	}
	if payload := eventPayload(f); payload != nil {
		provided = append(provided[:len(provided):len(provided)], payload.Selections...)
	}
	if inner, found := t.Provided(e.provided, name); found {
		return in, append(provided[:len(provided):len(provided)], inner...), true
	}
	if e.eventOnly || !in.Resolves(w.labels) || (in.Requires != nil || in.Contexts != nil) && e.onlyField != in {
		return nil, nil, false
	}
	return in, provided, true
}

// fieldOf is a field of a type. The last one is kept.
func (w *walker) fieldOf(t *supergraph.Type, name string) *supergraph.Field {
	if w.lastType != t || w.lastName != name {
		w.lastType, w.lastName, w.lastField = t, name, t.Field(name)
	}
	return w.lastField
}

// eventPayload returns what the events of a field hold, if they do not hold all that
// the subgraph has. Otherwise it returns nil.
func eventPayload(f *supergraph.Field) *supergraph.FieldSet {
	if f.Events == nil {
		return nil
	}
	return f.Events.Payload
}

// An interfaceField is a field of an interface as a subgraph knows it.
type interfaceField struct {
	typ  *supergraph.TypeIn
	name string
}

// A resolution is how a subgraph resolves an interface's field for all types.
type resolution struct {
	provided []operation.Selection
	ok       bool
}

// resolvesForAllTypes reports whether a subgraph resolves an interface's field
// for objects of each of its types, and what @provides adds below the field for
// all of them. The result is remembered unless it depends on the path, because
// an interface can have thousands of types.
func (w *walker) resolvesForAllTypes(tin *supergraph.TypeIn, e *edge, name string) ([]operation.Selection, bool) {
	independent := e.provided == nil && e.onlyField == nil && !e.eventOnly
	key := interfaceField{tin, name}
	if known, ok := w.resolvedForAllTypes[key]; ok && independent {
		return known.provided, known.ok
	}
	all := resolution{ok: true}
	for i, o := range tin.Possible {
		w.budget--
		_, provided, can := w.resolves(o, e, name)
		all.ok = all.ok && can
		if i == 0 {
			all.provided = provided
		} else {
			all.provided = commonSelections(all.provided, provided)
		}
	}
	if independent {
		if w.resolvedForAllTypes == nil {
			w.resolvedForAllTypes = map[interfaceField]resolution{}
		}
		w.resolvedForAllTypes[key] = all
	}
	return all.provided, all.ok
}

// commonSelections returns the fields that are in both of two selection sets of
// @provides. Of fragments it keeps those with equal type conditions.
func commonSelections(a, b []operation.Selection) (common []operation.Selection) {
	for _, one := range a {
		for _, other := range b {
			switch one := one.(type) {
			case *operation.Field:
				other, ok := other.(*operation.Field)
				if !ok || other.Name != one.Name {
					continue
				}
				both := *one
				both.Selections = commonSelections(one.Selections, other.Selections)
				if len(both.Selections) > 0 || len(one.Selections) == 0 {
					common = append(common, &both)
				}
			case *operation.InlineFragment:
				other, ok := other.(*operation.InlineFragment)
				if !ok || other.TypeCondition != one.TypeCondition {
					continue
				}
				both := *one
				if both.Selections = commonSelections(one.Selections, other.Selections); len(both.Selections) > 0 {
					common = append(common, &both)
				}
			}
		}
	}
	return common
}
