package planner

import (
	"slices"

	"souk/router/operation"
	"souk/router/plan"
	"souk/router/supergraph"
)

// A projector lays out the client's response.
type projector struct {
	planner *Planner
	memory  *scratch
	plan    *plan.Plan
}

// A deferrable is a selection set with the payload it belongs to.
type deferrable struct {
	selections []operation.Selection
	deferID    int
}

// A selectedOn is a field of the operation with the object types it is
// selected on.
type selectedOn struct {
	field   *operation.Field
	types   []*supergraph.Type
	deferID int
}

// fields returns the entries of the response for selections on one type. Each
// object type gets those that CollectFields (GraphQL, section 6.3.2) returns for
// it, in that order.
func (p *projector) fields(t *supergraph.Type, at *slot, selections []deferrable) []*plan.Field {
	known := p.planner.types.of(t)
	possible := known.possible
	p.plan.PossibleTypes[t.Name] = known.names
	if len(possible) == 1 && len(selections) == 1 && possible[0] == t {
		if fields, ok := p.alone(t, at, selections[0]); ok {
			return fields
		}
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
	var entries []*responseEntry
	for _, name := range names {
		entries = append(entries, entriesOf(possible, selected[name])...)
	}
	// CollectFields orders by the first selection. For a field that some types
	// select early and others late, that is a place of its own for each.
	place := map[*operation.Field]int{}
	for i, s := range all {
		place[s.field] = i
	}
	slices.SortStableFunc(entries, func(a, b *responseEntry) int { return place[a.merged[0].field] - place[b.merged[0].field] })
	var out []*plan.Field
	for _, e := range entries {
		f := p.entry(t, at, e)
		if len(e.types) < len(possible) {
			f.On = typeNames(e.types)
		}
		out = append(out, f)
	}
	return out
}

// alone returns the entries for selections on an object type if none of them are merged, as
// operations have most of them: if there are no fragments and no other selections.
func (p *projector) alone(t *supergraph.Type, at *slot, s deferrable) ([]*plan.Field, bool) {
	for i, sel := range s.selections {
		f, ok := sel.(*operation.Field)
		if !ok || i > maxEntries || slices.ContainsFunc(s.selections[:i], func(other operation.Selection) bool { return other.(*operation.Field).Alias == f.Alias }) {
			return nil, false
		}
	}
	if len(s.selections) == 0 {
		return nil, true
	}
	o := &p.memory.output
	fields, out := makeList(o, &o.fields, len(s.selections)), makeList(o, &o.fieldLists, len(s.selections))
	for i, sel := range s.selections {
		f := sel.(*operation.Field)
		out[i] = &fields[i]
		p.field(out[i], at, f, t.Field(f.Name), s.deferID)
		if def := t.Field(f.Name); out[i].Source == plan.Stored && def.Named.Composite() {
			out[i].Fields = p.below(at, f, def, p.memory.deferrables.Append(nil, deferrable{f.Selections, s.deferID}))
		}
	}
	return out, true
}

// collect flattens fragments.
func (p *projector) collect(to *[]selectedOn, types []*supergraph.Type, s deferrable) {
	for _, sel := range s.selections {
		switch sel := sel.(type) {
		case *operation.Field:
			*to = append(*to, selectedOn{sel, types, s.deferID})
		case *operation.InlineFragment:
			inner := types
			if sel.TypeCondition != "" {
				inner = intersect(types, p.planner.model.Type(sel.TypeCondition).Possible)
			}
			p.collect(to, inner, deferrable{sel.Selections, deferIDOf(sel, s.deferID)})
		}
	}
}

// A responseEntry is a response key for the object types for which the same
// selections are merged under it.
type responseEntry struct {
	merged []selectedOn
	typ    string
	types  []*supergraph.Type
	// payloads are the deferIDs of all selections, ascending.
	payloads []int
}

// entriesOf returns the entries for one response key.
func entriesOf(possible []*supergraph.Type, selected []selectedOn) []*responseEntry {
	if len(possible) == 0 { // an interface without implementations
		return []*responseEntry{{merged: selected[:1]}}
	}
	var out []*responseEntry
	var merged []selectedOn
	var payloads []int
	for _, o := range possible {
		merged, payloads = merged[:0], payloads[:0]
		def := o.Field(selected[0].field.Name)
		leaf := def == nil || !def.Named.Composite()
		for _, s := range selected {
			if len(s.types) < len(possible) && !has(s.types, o) {
				continue
			}
			if i, found := slices.BinarySearch(payloads, s.deferID); !found {
				payloads = slices.Insert(payloads, i, s.deferID)
			}
			switch {
			case leaf && len(merged) > 0: // a leaf is delivered once, in the earliest payload
				if s.deferID < merged[0].deferID {
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
		same := func(a, b selectedOn) bool { return a.field == b.field && a.deferID == b.deferID }
		i := slices.IndexFunc(out, func(e *responseEntry) bool {
			return e.typ == typ && slices.EqualFunc(e.merged, merged, same) && slices.Equal(e.payloads, payloads)
		})
		if i < 0 {
			i = len(out)
			out = append(out, &responseEntry{merged: slices.Clone(merged), typ: typ, payloads: slices.Clone(payloads)})
		}
		out[i].types = append(out[i].types, o)
	}
	return out
}

// entry returns one entry of the response.
func (p *projector) entry(t *supergraph.Type, at *slot, e *responseEntry) *plan.Field {
	first := e.merged[0].field
	def := t.Field(first.Name)
	if len(e.types) > 0 {
		def = e.types[0].Field(first.Name)
	}
	out := newValue(&p.memory.output, &p.memory.output.fields, plan.Field{})
	deferID := e.merged[0].deferID
	if len(e.payloads) > 0 {
		deferID = e.payloads[0]
	}
	if len(e.payloads) > 1 {
		out.AlsoDeferredIn = e.payloads[1:]
	}
	p.field(out, at, first, def, deferID)
	if out.Source == plan.Stored && def.Named.Composite() {
		var below []deferrable
		for _, s := range e.merged {
			below = append(below, deferrable{s.field.Selections, s.deferID})
		}
		out.Fields = p.below(at, first, def, below)
	}
	return out
}

// field sets what an entry states of its own value.
func (p *projector) field(out *plan.Field, at *slot, f *operation.Field, def *supergraph.Field, deferID int) {
	out.ResponseKey, out.DeferID = f.Alias, deferID
	switch f.Name {
	case "__typename":
		out.Source, out.Type, out.Kind = plan.Typename, "String!", plan.String
		return
	case "__schema", "__type":
		out.Source, out.Introspect, out.Kind = plan.Introspection, introspectionField(f), plan.Object
		out.Type = map[string]string{"__schema": "__Schema!", "__type": "__Type"}[f.Name]
		return
	}
	out.Type, out.Kind = def.Type, kindOf(def.Named)
	if f.Denied != nil {
		out.Source, out.Denial = plan.Denied, f.Denied
		return
	}
	out.Source = plan.Stored
	out.StorageKey = at.child(f).storageKey()
	if def.Named.Kind == supergraph.Enum {
		p.plan.EnumValues[def.Named.Name] = p.planner.types.of(def.Named).enumValues
	}
}

// below returns the entries of the objects that a field has.
func (p *projector) below(at *slot, f *operation.Field, def *supergraph.Field, selections []deferrable) []*plan.Field {
	return p.fields(def.Named, at.child(f), selections)
}

// introspectionField returns an introspection field as the plan has it.
func introspectionField(f *operation.Field) *plan.SelectedField {
	out := &plan.SelectedField{Name: f.Name, ResponseKey: f.Alias, Arguments: f.Arguments}
	if f.Selections != nil {
		out.Selections = introspectionSelections(f.Selections)
	}
	return out
}

func introspectionSelections(list []operation.Selection) plan.Selections {
	out := make(plan.Selections, len(list))
	for i, sel := range list {
		switch sel := sel.(type) {
		case *operation.Field:
			out[i] = introspectionField(sel)
		case *operation.InlineFragment:
			out[i] = &plan.InlineFragment{On: sel.TypeCondition, Selections: introspectionSelections(sel.Selections)}
		}
	}
	return out
}

// deferredPayloads lists the payloads that are delivered later.
func deferredPayloads(list []*plan.DeferredPayload, outer int, path []string, selections []operation.Selection) []*plan.DeferredPayload {
	for _, sel := range selections {
		switch sel := sel.(type) {
		case *operation.Field:
			list = deferredPayloads(list, outer, append(path[:len(path):len(path)], sel.Alias), sel.Selections)
		case *operation.InlineFragment:
			// A fragment is visited once for each type where authorisation
			// rewrote the operation type by type.
			known := func(d *plan.DeferredPayload) bool { return d.ID == sel.Defer.ID }
			if sel.Defer != nil && !slices.ContainsFunc(list, known) {
				list = append(list, &plan.DeferredPayload{ID: sel.Defer.ID, Parent: outer, Label: sel.Defer.Label, Path: path})
			}
			list = deferredPayloads(list, deferIDOf(sel, outer), path, sel.Selections)
		}
	}
	return list
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
