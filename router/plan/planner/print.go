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

// printFetches returns the fetches as the plan has them. They must be in an order
// in which each comes after those it depends on.
func printFetches(fetches []*fetch, op *operation.Operation, o *output) []*plan.Fetch {
	out := makeList(o, &o.fetchLists, len(fetches))
	for i, f := range fetches {
		out[i] = printFetch(f, op, o)
		out[i].ID = i
		for _, d := range f.dependsOn {
			out[i].DependsOn = appendTo(o, &o.numbers, out[i].DependsOn, slices.Index(fetches, d))
		}
		slices.Sort(out[i].DependsOn)
		if f.fallbackFor != nil {
			of := slices.Index(fetches, f.fallbackFor)
			out[i].FallbackFor = &of
		}
	}
	return out
}

// A printer describes one fetch.
type printer struct {
	op       *operation.Operation
	subgraph *supergraph.Subgraph
	output   *output
	// contexts are the variables of the context arguments of the current
	// entity fetch.
	contexts     map[*supergraph.ContextArgument]string
	contextCount int
	variables    map[string]bool // the client's that are used
}

// printFetch returns the selections of a fetch, and where its response is stored.
func printFetch(f *fetch, op *operation.Operation, o *output) *plan.Fetch {
	p := &printer{op: op, subgraph: f.subgraph, output: o}
	out := newValue(o, &o.fetches, plan.Fetch{Kind: f.kind, Subgraph: f.subgraph.Name, OperationKind: f.operationKind, DeferID: f.deferID})
	if f.kind == plan.EntitiesFetch {
		p.entities(f, out)
	} else {
		out.Path = f.position.path(o)
		f.selection.assignResponseKeys()
		out.Selections = p.selections(f.selection)
		out.EventStream = f.kind == plan.SubscriptionFetch && slices.ContainsFunc(f.selection.fields, func(s *selectedField) bool {
			return f.selection.typ.Field(s.field.Name).Events != nil
		})
	}
	for _, v := range op.Variables {
		if p.variables[v.Name] {
			out.Variables = append(out.Variables, v)
		}
	}
	out.Query = o.query(out)
	return out
}

// entities describes the _entities fields. Those that select the same share
// one.
func (p *printer) entities(f *fetch, out *plan.Fetch) {
	var same map[string]*plan.EntityFetch
	if len(f.entities) > 1 {
		same = map[string]*plan.EntityFetch{}
	}
	for _, of := range f.entities {
		e := newValue(p.output, &p.output.entities, plan.EntityFetch{Targets: of.targets})
		if len(of.selections) == 1 {
			of.selections[0].selection.assignResponseKeys()
		} else {
			selections := make([]*selectionSet, len(of.selections))
			for i, s := range of.selections {
				selections[i] = s.selection
			}
			assignResponseKeys(selections)
		}
		p.contextArguments(of, e)
		e.Selections = p.fragments(of.selections)
		if len(f.entities) == 1 {
			out.Entities = appendTo(p.output, &p.output.entityLists, nil, e)
			break
		}
		key := e.Selections.GraphQL() + storedUnderOtherKeys(nil, e.Selections)
		if have := same[key]; have != nil {
			for _, t := range e.Targets {
				have.Targets = addTarget(have.Targets, t)
			}
			continue
		}
		same[key] = e
		out.Entities = append(out.Entities, e)
	}
	for i, e := range out.Entities {
		e.ResponseKey, e.Variable = "_entities", p.unused("representations")
		if len(out.Entities) > 1 {
			e.ResponseKey, e.Variable = fmt.Sprintf("_e%d", i), p.unused(fmt.Sprintf("_r%d", i))
		}
	}
}

// contextArguments names the variables of an entity fetch's context arguments.
// Those with the same type and sources share one.
func (p *printer) contextArguments(of *entityFetch, e *plan.EntityFetch) {
	p.contexts = nil
	if of.contextArguments != nil {
		p.contexts = map[*supergraph.ContextArgument]string{}
	}
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
			if have.Path[i].StorageKey != s.StorageKey {
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

// storedUnderOtherKeys states which fields are stored under another key than they
// have in the subgraph's response.
func storedUnderOtherKeys(path []string, selections plan.Selections) (text string) {
	for _, sel := range selections {
		switch sel := sel.(type) {
		case *plan.InlineFragment:
			text += storedUnderOtherKeys(path, sel.Selections)
		case *plan.SelectedField:
			path = append(path, sel.ResponseKey)
			if sel.ResponseKey != sel.StorageKey {
				text += " " + strings.Join(path, ".") + "=" + sel.StorageKey
			}
			text += storedUnderOtherKeys(path, sel.Selections)
			path = path[:len(path)-1]
		}
	}
	return text
}

// unused returns a variable name that the client does not use.
func (p *printer) unused(name string) string {
	for slices.ContainsFunc(p.op.Variables, func(v operation.VariableDefinition) bool { return v.Name == name }) {
		name = "_" + name
	}
	return name
}

// selectsTypename reports whether __typename is selected: where it is needed,
// where objects may be of several types, and where the selection set would be
// empty otherwise.
func (p *printer) selectsTypename(s *selectionSet) bool {
	return s.typename || len(s.fields) == 0 && len(s.fragments) == 0 || s.typ.Abstract() && !s.typ.InSubgraph(p.subgraph).InterfaceObject
}

// selections returns a selection set as the plan has it.
func (p *printer) selections(s *selectionSet) plan.Selections {
	o := p.output
	typename := p.selectsTypename(s)
	n := len(s.fields) + len(s.fragments)
	if typename {
		n++
	}
	out := plan.Selections(makeList(o, &o.selections, n))[:0]
	if typename {
		out = append(out, newValue(o, &o.selected, plan.SelectedField{Name: "__typename", ResponseKey: "__typename", StorageKey: "__typename"}))
	}
	fields := makeList(o, &o.selected, len(s.fields))
	for i, f := range s.fields {
		fields[i] = plan.SelectedField{Name: f.field.Name, ResponseKey: f.responseKey, StorageKey: f.slot.storageKey(), Arguments: p.arguments(f)}
		if f.selection != nil {
			fields[i].Selections = p.selections(f.selection)
		}
		out = append(out, &fields[i])
	}
	return p.appendFragments(out, s.fragments)
}

func (p *printer) fragments(list []typedSelection) plan.Selections {
	if list == nil {
		return nil
	}
	return p.appendFragments(makeList(p.output, &p.output.selections, len(list))[:0], list)
}

func (p *printer) appendFragments(out plan.Selections, list []typedSelection) plan.Selections {
	for _, s := range list {
		out = append(out, newValue(p.output, &p.output.fragments, plan.InlineFragment{On: s.on.Name, Selections: p.selections(s.selection)}))
	}
	return out
}

// arguments returns a field's arguments, those with values from a context last.
func (p *printer) arguments(f *selectedField) []operation.Argument {
	for _, a := range f.field.Arguments {
		for _, v := range a.Variables {
			if p.variables == nil {
				p.variables = map[string]bool{}
			}
			p.variables[v] = true
		}
	}
	out := slices.Clip(f.field.Arguments)
	for _, a := range f.fieldIn.Contexts {
		variable := p.contexts[a]
		out = append(out, operation.Argument{Name: a.Name, Value: "$" + variable, Variables: []string{variable}})
	}
	return out
}
