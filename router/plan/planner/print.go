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

// printFetches gives the fetches as the plan has them. They must be in an order
// in which each comes after those it depends on.
func printFetches(fetches []*fetch, op *operation.Operation) []*plan.Step {
	out := make([]*plan.Step, len(fetches))
	for i, f := range fetches {
		out[i] = printFetch(f, op)
		out[i].ID = i
		for _, d := range f.dependsOn {
			out[i].After = append(out[i].After, slices.Index(fetches, d))
		}
		slices.Sort(out[i].After)
		if f.fallbackFor != nil {
			of := slices.Index(fetches, f.fallbackFor)
			out[i].Rest = &of
		}
	}
	return out
}

// A printer writes the operation of one fetch.
type printer struct {
	op       *operation.Operation
	subgraph *supergraph.Graph
	// contexts are the variables of the context arguments of the current
	// entity fetch.
	contexts     map[*supergraph.ContextArgument]string
	contextCount int
	// responseKeys are those of the subgraph's response.
	responseKeys map[*selectedField]string
	variables    map[string]bool // the client's that are used
	text         strings.Builder
}

// printFetch writes the operation of a fetch, and tells where its response is
// stored.
func printFetch(f *fetch, op *operation.Operation) *plan.Step {
	p := &printer{op: op, subgraph: f.subgraph, responseKeys: map[*selectedField]string{}, variables: map[string]bool{}}
	out := &plan.Step{Kind: f.kind, Subgraph: f.subgraph.Name, OperationKind: f.operationKind, Defer: f.deferID}
	if f.kind == plan.Entities {
		p.entities(f, out)
	} else {
		out.Path = f.position.path()
		out.Shape = p.shape([]*selectionSet{f.selection})
		p.selectionSet(f.selection)
	}
	for _, v := range op.Variables {
		if p.variables[v.Name] {
			out.Variables = append(out.Variables, v)
		}
	}
	out.Query = p.head(out) + p.text.String()
	return out
}

// head writes the operation type and the variable definitions.
func (p *printer) head(s *plan.Step) string {
	var list []string
	for _, e := range s.Entities {
		list = append(list, "$"+e.Variable+":[_Any!]!")
		for _, a := range e.Arguments {
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

// entities writes the _entities fields. Those that select the same share one.
func (p *printer) entities(f *fetch, out *plan.Step) {
	texts := map[*plan.EntityFetch]string{}
	same := map[string]*plan.EntityFetch{}
	for _, of := range f.entities {
		e := &plan.EntityFetch{Targets: of.targets}
		selections := make([]*selectionSet, len(of.selections))
		for i, s := range of.selections {
			selections[i] = s.selection
		}
		e.Shape = p.shape(selections)
		p.contextArguments(of, e)
		text := p.typedSelections(of.selections)
		key := text + storedUnderOtherKeys(nil, e.Shape)
		if have := same[key]; have != nil {
			for _, t := range e.Targets {
				have.Targets = addTarget(have.Targets, t)
			}
			continue
		}
		same[key], texts[e] = e, text
		out.Entities = append(out.Entities, e)
	}
	p.text.WriteByte('{')
	for i, e := range out.Entities {
		e.Alias, e.Variable = "_entities", p.unused("representations")
		prefix := ""
		if len(out.Entities) > 1 {
			e.Alias, e.Variable = fmt.Sprintf("_e%d", i), p.unused(fmt.Sprintf("_r%d", i))
			prefix = e.Alias + ":"
		}
		if i > 0 {
			p.text.WriteByte(' ')
		}
		fmt.Fprintf(&p.text, "%s_entities(representations:$%s)%s", prefix, e.Variable, texts[e])
	}
	p.text.WriteByte('}')
}

// contextArguments names the variables of an entity fetch's context arguments.
// Those with the same type and sources share one.
func (p *printer) contextArguments(of *entityFetch, e *plan.EntityFetch) {
	p.contexts = map[*supergraph.ContextArgument]string{}
	for _, a := range of.contextArguments {
		same := slices.IndexFunc(e.Arguments, func(have plan.ContextArgument) bool {
			return have.Type == a.argument.Type && reflect.DeepEqual(have.Sources, a.sources)
		})
		if same >= 0 {
			p.contexts[a.argument] = e.Arguments[same].Variable
			continue
		}
		variable := p.unused(fmt.Sprintf("_c%d", p.contextCount))
		p.contextCount++
		p.contexts[a.argument] = variable
		e.Arguments = append(e.Arguments, plan.ContextArgument{Variable: variable, Type: a.argument.Type, Sources: a.sources})
	}
}

// addTarget adds a target. If it differs from another in the types of one
// segment only, the types are added to that.
func addTarget(to []plan.Target, t plan.Target) []plan.Target {
	for _, have := range to {
		if len(have.Path) != len(t.Path) {
			continue
		}
		var different []int
		for i, s := range t.Path {
			if have.Path[i].Key != s.Key {
				different = nil
				break
			}
			if !slices.Equal(have.Path[i].Types, s.Types) {
				different = append(different, i)
			}
		}
		if len(different) != 1 || have.Path[different[0]].Types == nil || t.Path[different[0]].Types == nil || !reflect.DeepEqual(have.Representations, t.Representations) {
			continue
		}
		s := &have.Path[different[0]]
		s.Types = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(s.Types), t.Path[different[0]].Types...))))
		return to
	}
	return append(to, t)
}

// storedUnderOtherKeys tells which fields of a shape are stored under another
// key than they have in the subgraph's response.
func storedUnderOtherKeys(path []string, shape []*plan.ShapeField) string {
	var b strings.Builder
	for _, f := range shape {
		at := append(slices.Clip(path), f.Wire)
		if f.Wire != f.Key {
			b.WriteString(" " + strings.Join(at, ".") + "=" + f.Key)
		}
		b.WriteString(storedUnderOtherKeys(at, f.Fields))
	}
	return b.String()
}

// unused gives a variable name that the client does not use.
func (p *printer) unused(name string) string {
	for slices.ContainsFunc(p.op.Variables, func(v operation.VariableDefinition) bool { return v.Name == name }) {
		name = "_" + name
	}
	return name
}

// typedSelections gives the text of the selection set of an _entities field.
func (p *printer) typedSelections(selections []typedSelection) string {
	outer := p.text
	p.text = strings.Builder{}
	p.text.WriteByte('{')
	for _, s := range selections {
		p.text.WriteString("...on " + s.on.Name)
		p.selectionSet(s.selection)
	}
	p.text.WriteByte('}')
	text := p.text.String()
	p.text = outer
	return text
}

// selectsTypename reports whether __typename is selected: where it is needed,
// where objects may be of several types, and where the selection set would be
// empty otherwise.
func (p *printer) selectsTypename(s *selectionSet) bool {
	return s.typename || len(s.fields) == 0 && len(s.fragments) == 0 || s.typ.Abstract() && !s.typ.InGraph(p.subgraph).InterfaceObject
}

func (p *printer) selectionSet(s *selectionSet) {
	separator := "{"
	if p.selectsTypename(s) {
		p.text.WriteString("{__typename")
		separator = " "
	}
	for _, f := range s.fields {
		p.text.WriteString(separator)
		separator = " "
		if key := p.responseKeys[f]; key != f.field.Name {
			p.text.WriteString(key + ":")
		}
		p.text.WriteString(f.field.Name)
		before := "("
		for _, a := range f.field.Arguments {
			p.text.WriteString(before + a.Name + ":" + a.Value)
			before = ","
			for _, v := range a.Variables {
				p.variables[v] = true
			}
		}
		for _, a := range f.fieldIn.Contexts {
			p.text.WriteString(before + a.Name + ":$" + p.contexts[a])
			before = ","
		}
		if before == "," {
			p.text.WriteByte(')')
		}
		if f.selection != nil {
			p.selectionSet(f.selection)
		}
	}
	for _, f := range s.fragments {
		p.text.WriteString(separator + "...on " + f.on.Name)
		separator = " "
		p.selectionSet(f.selection)
	}
	p.text.WriteByte('}')
}
