package planner

import (
	"slices"

	"souk/router/operation"
	"souk/router/plan"
	"souk/router/supergraph"
)

// A projector lays out the client's answer.
type projector struct {
	model *supergraph.Model
	plan  *plan.Plan
}

// A partial is a selection set with the part of the answer, 0 or the ID of a
// @defer, that it belongs to.
type partial struct {
	selections []operation.Selection
	part       int
}

// A selectedOn is a field of the operation with the object types it is
// selected on.
type selectedOn struct {
	field *operation.Field
	types []*supergraph.Type
	part  int
}

// fields gives the entries of the answer for selections on one type: each
// object type gets, in their order, those the spec's CollectFields gives it.
func (p *projector) fields(t *supergraph.Type, at *slot, selections []partial) []*plan.Field {
	possible := visible(t.Possible)
	if p.plan.PossibleTypes[t.Name] == nil {
		p.plan.PossibleTypes[t.Name] = typeNames(possible)
	}
	var all []selectedOn
	for _, s := range selections {
		p.collect(&all, possible, s)
	}
	var names []string
	selected := map[string][]selectedOn{}
	for _, s := range all {
		if selected[s.field.Alias] == nil {
			names = append(names, s.field.Alias)
		}
		selected[s.field.Alias] = append(selected[s.field.Alias], s)
	}
	var entries []*entry
	for _, name := range names {
		entries = append(entries, entriesOf(possible, selected[name])...)
	}
	// A field selected on some types early and on others late has its place
	// with each of them.
	place := map[*operation.Field]int{}
	for i, s := range all {
		place[s.field] = i
	}
	slices.SortStableFunc(entries, func(a, b *entry) int { return place[a.merged[0].field] - place[b.merged[0].field] })
	var out []*plan.Field
	for _, e := range entries {
		f := p.field(t, at, e)
		if len(e.types) < len(possible) {
			f.On = typeNames(e.types)
		}
		out = append(out, f)
	}
	return out
}

func visible(types []*supergraph.Type) []*supergraph.Type {
	return slices.DeleteFunc(slices.Clone(types), func(t *supergraph.Type) bool { return t.Inaccessible })
}

// collect flattens fragments.
func (p *projector) collect(to *[]selectedOn, types []*supergraph.Type, s partial) {
	for _, sel := range s.selections {
		switch sel := sel.(type) {
		case *operation.Field:
			*to = append(*to, selectedOn{sel, types, s.part})
		case *operation.InlineFragment:
			inner := types
			if sel.TypeCondition != "" {
				inner = shared(types, p.model.Type(sel.TypeCondition).Possible)
			}
			p.collect(to, inner, partial{sel.Selections, partOf(sel, s.part)})
		}
	}
}

// An entry is a response key as some object types have it: those for which
// the same selections merge under it.
type entry struct {
	merged []selectedOn
	typ    string
	types  []*supergraph.Type
}

// entriesOf gives the entries of one response key.
func entriesOf(possible []*supergraph.Type, selected []selectedOn) []*entry {
	if len(possible) == 0 { // an interface that nothing implements
		return []*entry{{merged: selected[:1]}}
	}
	var out []*entry
	var merged []selectedOn
	for _, o := range possible {
		merged = merged[:0]
		def := o.Field(selected[0].field.Name)
		leaf := def == nil || !def.Named.Composite()
		for _, s := range selected {
			switch {
			case len(s.types) < len(possible) && !has(s.types, o):
			case leaf && len(merged) > 0: // it is had once, where it is wanted first
				if s.part < merged[0].part {
					merged[0] = s
				}
			default:
				merged = append(merged, s)
			}
		}
		if len(merged) == 0 {
			continue
		}
		typ := ""
		if def := o.Field(merged[0].field.Name); def != nil {
			typ = def.Type
		}
		same := func(a, b selectedOn) bool { return a.field == b.field && a.part == b.part }
		i := slices.IndexFunc(out, func(e *entry) bool { return e.typ == typ && slices.EqualFunc(e.merged, merged, same) })
		if i < 0 {
			i = len(out)
			out = append(out, &entry{merged: slices.Clone(merged), typ: typ})
		}
		out[i].types = append(out[i].types, o)
	}
	return out
}

// field gives one entry of the answer.
func (p *projector) field(t *supergraph.Type, at *slot, e *entry) *plan.Field {
	first := e.merged[0].field
	out := &plan.Field{Name: first.Alias, Defer: e.merged[0].part}
	for _, s := range e.merged {
		out.Defer = min(out.Defer, s.part)
	}
	switch first.Name {
	case "__typename":
		out.Source, out.Type, out.Kind = plan.Typename, "String!", plan.String
		return out
	case "__schema", "__type":
		out.Source, out.Selection, out.Kind = plan.Introspection, first, plan.Object
		out.Type = map[string]string{"__schema": "__Schema!", "__type": "__Type"}[first.Name]
		return out
	}
	def := t.Field(first.Name)
	if len(e.types) > 0 {
		def = e.types[0].Field(first.Name)
	}
	out.Type, out.Kind = def.Type, kindOf(def.Named)
	if first.Denied != nil {
		out.Source, out.Selection = plan.Denied, first
		return out
	}
	c := at.child(first)
	out.Key = c.storageKey()
	if def.Named.Kind == supergraph.Enum && p.plan.EnumValues[def.Named.Name] == nil {
		p.plan.EnumValues[def.Named.Name] = enumValues(def.Named)
	}
	if def.Named.Composite() {
		var below []partial
		for _, s := range e.merged {
			below = append(below, partial{s.field.Selections, s.part})
		}
		out.Fields = p.fields(def.Named, c, below)
	}
	return out
}

// deferred lists the parts of the answer that are delivered later.
func deferred(list []*plan.Deferred, outer int, path []string, selections []operation.Selection) []*plan.Deferred {
	for _, sel := range selections {
		switch sel := sel.(type) {
		case *operation.Field:
			list = deferred(list, outer, append(path[:len(path):len(path)], sel.Alias), sel.Selections)
		case *operation.InlineFragment:
			// A field that some types are denied stands there for each of them.
			known := func(d *plan.Deferred) bool { return d.ID == sel.Defer.ID }
			if sel.Defer != nil && !slices.ContainsFunc(list, known) {
				list = append(list, &plan.Deferred{ID: sel.Defer.ID, Parent: outer, Label: sel.Defer.Label, Path: path})
			}
			list = deferred(list, partOf(sel, outer), path, sel.Selections)
		}
	}
	return list
}

func enumValues(t *supergraph.Type) []string {
	values := []string{}
	for _, v := range t.EnumValues {
		if !v.Inaccessible {
			values = append(values, v.Name)
		}
	}
	return values
}

func kindOf(t *supergraph.Type) plan.TypeKind {
	switch t.Kind {
	case supergraph.Enum:
		return plan.Enum
	case supergraph.Object:
		return plan.Object
	case supergraph.Interface:
		return plan.Interface
	case supergraph.Union:
		return plan.Union
	}
	switch t.Name {
	case "Int", "Float", "String", "Boolean", "ID":
		return plan.TypeKind(t.Name)
	}
	return plan.Scalar
}
