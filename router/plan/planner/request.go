package planner

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"souk/router/operation"
	"souk/router/plan"
	"souk/router/supergraph"
)

// A request is the text of one step's operation in the making.
type request struct {
	op    *operation.Operation
	graph *supergraph.Graph
	// contexts are the variables of arguments from above, in the fetch at hand.
	contexts     map[*supergraph.ContextArgument]string
	contextCount int
	// wires are the response keys of the fields, where they are not their
	// storage keys.
	wires     map[*selected]string
	variables map[string]bool
	text      strings.Builder
}

// requestOf writes a step's operation and says where its answer is stored.
func requestOf(s *step, op *operation.Operation) *plan.Step {
	r := &request{op: op, graph: s.graph, wires: map[*selected]string{}, variables: map[string]bool{}}
	out := &plan.Step{Kind: s.kind, Subgraph: s.graph.Name, OperationKind: s.op, Defer: s.part}
	if s.kind == plan.Entities {
		r.entities(s, out)
	} else {
		out.Path = s.at.path()
		out.Shape = r.shape([]*selection{s.sel})
		r.selection(s.sel)
	}
	for _, v := range op.Variables {
		if r.variables[v.Name] {
			out.Variables = append(out.Variables, v)
		}
	}
	out.Query = r.head(out) + r.text.String()
	return out
}

// head writes what stands before the selection set.
func (r *request) head(s *plan.Step) string {
	var list []string
	for _, f := range s.Entities {
		list = append(list, "$"+f.Variable+":[_Any!]!")
		for _, a := range f.Arguments {
			list = append(list, "$"+a.Variable+":"+a.Type)
		}
	}
	for _, v := range s.Variables {
		definition := "$" + v.Name + ":" + v.Type
		if v.Default != "" {
			definition += "=" + v.Default
		}
		list = append(list, definition)
	}
	switch {
	case len(list) > 0:
		return s.OperationKind.String() + "(" + strings.Join(list, ",") + ")"
	case s.OperationKind != operation.Query:
		return s.OperationKind.String()
	}
	return ""
}

// entities writes the _entities fields; those that select the same share one.
func (r *request) entities(s *step, out *plan.Step) {
	texts := map[*plan.EntityFetch]string{}
	same := map[string]*plan.EntityFetch{}
	for _, f := range s.fetches {
		e := &plan.EntityFetch{Targets: f.targets}
		selections := make([]*selection, len(f.parts))
		for i, p := range f.parts {
			selections[i] = p.sel
		}
		e.Shape = r.shape(selections)
		r.arguments(f, e)
		text := r.parts(f.parts)
		key := text + renamed(nil, e.Shape)
		if have := same[key]; have != nil {
			for _, t := range e.Targets {
				have.Targets = addTarget(have.Targets, t)
			}
			continue
		}
		same[key], texts[e] = e, text
		out.Entities = append(out.Entities, e)
	}
	r.text.WriteByte('{')
	for i, e := range out.Entities {
		e.Alias, e.Variable = "_entities", r.unused("representations")
		prefix := ""
		if len(out.Entities) > 1 {
			e.Alias, e.Variable = fmt.Sprintf("_e%d", i), r.unused(fmt.Sprintf("_r%d", i))
			prefix = e.Alias + ":"
		}
		if i > 0 {
			r.text.WriteByte(' ')
		}
		fmt.Fprintf(&r.text, "%s_entities(representations:$%s)%s", prefix, e.Variable, texts[e])
	}
	r.text.WriteByte('}')
}

// arguments names the variables of a fetch's arguments from above.
func (r *request) arguments(f *fetch, e *plan.EntityFetch) {
	r.contexts = map[*supergraph.ContextArgument]string{}
	for _, a := range f.arguments {
		same := slices.IndexFunc(e.Arguments, func(have plan.ContextArgument) bool {
			return have.Type == a.argument.Type && reflect.DeepEqual(have.Sources, a.sources)
		})
		if same >= 0 {
			r.contexts[a.argument] = e.Arguments[same].Variable
			continue
		}
		variable := r.unused(fmt.Sprintf("_c%d", r.contextCount))
		r.contextCount++
		r.contexts[a.argument] = variable
		e.Arguments = append(e.Arguments, plan.ContextArgument{Variable: variable, Type: a.argument.Type, Sources: a.sources})
	}
}

// addTarget adds a target, to another one if they differ but in the types of
// one segment.
func addTarget(to []plan.Target, t plan.Target) []plan.Target {
	for _, have := range to {
		if len(have.Path) != len(t.Path) {
			continue
		}
		var apart []int
		for i, s := range t.Path {
			if have.Path[i].Key != s.Key {
				apart = nil
				break
			}
			if !slices.Equal(have.Path[i].Types, s.Types) {
				apart = append(apart, i)
			}
		}
		if len(apart) != 1 || have.Path[apart[0]].Types == nil || t.Path[apart[0]].Types == nil || !reflect.DeepEqual(have.Representations, t.Representations) {
			continue
		}
		s := &have.Path[apart[0]]
		s.Types = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(s.Types), t.Path[apart[0]].Types...))))
		return to
	}
	return append(to, t)
}

// renamed tells what of a shape is stored under another name than its own.
func renamed(path []string, shape []*plan.ShapeField) string {
	var b strings.Builder
	for _, f := range shape {
		at := append(slices.Clip(path), f.Wire)
		if f.Wire != f.Key {
			b.WriteString(" " + strings.Join(at, ".") + "=" + f.Key)
		}
		b.WriteString(renamed(at, f.Fields))
	}
	return b.String()
}

// unused gives a name that is not one of the client's variables.
func (r *request) unused(name string) string {
	for slices.ContainsFunc(r.op.Variables, func(v operation.VariableDefinition) bool { return v.Name == name }) {
		name = "_" + name
	}
	return name
}

func (r *request) parts(parts []part) string {
	outer := r.text
	r.text = strings.Builder{}
	r.text.WriteByte('{')
	for _, p := range parts {
		r.text.WriteString("...on " + p.on.Name)
		r.selection(p.sel)
	}
	r.text.WriteByte('}')
	text := r.text.String()
	r.text = outer
	return text
}

// shape says where the fields of selections on one response position are
// stored, and gives those an alias whose types would not fit into one
// response (GraphQL, section 5.3.2, SameResponseShape) although they have
// one storage key.
func (r *request) shape(selections []*selection) []*plan.ShapeField {
	var fields []*plan.ShapeField
	var flat []*selected
	typename := false
	var flatten func(s *selection)
	flatten = func(s *selection) {
		typename = typename || r.asksTypename(s)
		flat = append(flat, s.fields...)
		for _, f := range s.fragments {
			flatten(f.sel)
		}
	}
	for _, s := range selections {
		flatten(s)
	}
	if typename {
		fields = append(fields, &plan.ShapeField{Wire: "__typename", Key: "__typename"})
	}
	var wires []string
	same := map[string][]*selected{}
	for _, f := range flat {
		key := f.slot.storageKey()
		wire := key
		for i := 1; len(same[wire]) > 0 && (same[wire][0].slot.storageKey() != key || !sameShape(same[wire][0].in, f.in)); i++ {
			wire = fmt.Sprintf("_%d_%s", i, key)
		}
		if len(same[wire]) == 0 {
			wires = append(wires, wire)
		}
		same[wire] = append(same[wire], f)
		r.wires[f] = wire
	}
	for _, wire := range wires {
		var below []*selection
		for _, f := range same[wire] {
			if f.sel != nil {
				below = append(below, f.sel)
			}
		}
		field := &plan.ShapeField{Wire: wire, Key: same[wire][0].slot.storageKey()}
		if below != nil {
			field.Fields = r.shape(below)
		}
		fields = append(fields, field)
	}
	return fields
}

// sameShape says whether two fields may have one response key on objects of
// different types, as far as their own types tell.
func sameShape(a, b *supergraph.FieldIn) bool {
	if a.Named.Composite() != b.Named.Composite() {
		return false
	}
	if !a.Named.Composite() {
		return a.Type == b.Type
	}
	return strings.Replace(a.Type, a.Named.Name, "", 1) == strings.Replace(b.Type, b.Named.Name, "", 1)
}

// asksTypename says whether __typename is selected: where it is wanted, where
// types are told apart, and where there would be nothing else.
func (r *request) asksTypename(s *selection) bool {
	return s.typename || len(s.fields) == 0 && len(s.fragments) == 0 || s.typ.Abstract() && !s.typ.InGraph(r.graph).InterfaceObject
}

func (r *request) selection(s *selection) {
	separator := "{"
	if r.asksTypename(s) {
		r.text.WriteString("{__typename")
		separator = " "
	}
	for _, f := range s.fields {
		r.text.WriteString(separator)
		separator = " "
		if wire := r.wires[f]; wire != f.field.Name {
			r.text.WriteString(wire + ":")
		}
		r.text.WriteString(f.field.Name)
		before := "("
		for _, a := range f.field.Arguments {
			r.text.WriteString(before + a.Name + ":" + a.Value)
			before = ","
			for _, v := range a.Variables {
				r.variables[v] = true
			}
		}
		for _, a := range f.in.Contexts {
			r.text.WriteString(before + a.Name + ":$" + r.contexts[a])
			before = ","
		}
		if before == "," {
			r.text.WriteByte(')')
		}
		if f.sel != nil {
			r.selection(f.sel)
		}
	}
	for _, f := range s.fragments {
		r.text.WriteString(separator + "...on " + f.on.Name)
		separator = " "
		r.selection(f.sel)
	}
	r.text.WriteByte('}')
}
