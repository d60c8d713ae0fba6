package plan

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"souk/router/operation"
)

// GraphQL prints the operation of a fetch, without needless white
// space: "query($representations:[_Any!]!){_entities(...)...}". The order of
// everything is that of the plan, so equal fetches have equal texts.
func (f *Fetch) GraphQL() string {
	var b strings.Builder
	b.Grow(shortQuery)
	var definitions []string
	for _, e := range f.Entities {
		definitions = append(definitions, e.Definitions()...)
	}
	for _, v := range f.Variables {
		definitions = append(definitions, Definition(v))
	}
	if len(definitions) > 0 || f.OperationName != "" || f.OperationKind != operation.Query {
		b.WriteString(f.OperationKind.String())
	}
	if f.OperationName != "" {
		b.WriteString(" " + f.OperationName)
	}
	if len(definitions) > 0 {
		b.WriteString("(" + strings.Join(definitions, ",") + ")")
	}
	if f.Kind != EntitiesFetch {
		f.Selections.print(&b, nil)
		return b.String()
	}
	b.WriteByte('{')
	for i, e := range f.Entities {
		if i > 0 {
			b.WriteByte(' ')
		}
		e.print(&b, e.ResponseKey, nil)
	}
	b.WriteByte('}')
	return b.String()
}

// shortQuery is the number of bytes that most queries do not exceed.
const shortQuery = 256

// NameOperations names the operation of each fetch after the client's: Name__subgraph__n, where
// n is the ID of the fetch. Without a name of the client's operation it does nothing.
func (p *Plan) NameOperations(name string) {
	if name == "" {
		return
	}
	for _, f := range p.Fetches {
		f.OperationName = name + "__" + notOfNames.ReplaceAllString(f.Subgraph, "_") + "__" + strconv.Itoa(f.ID)
		f.Query = f.GraphQL()
	}
}

// notOfNames matches what a name cannot have (GraphQL, section 2.1.9).
var notOfNames = regexp.MustCompile(`[^_0-9A-Za-z]`)

// Definitions returns the definitions of the variables that an entity fetch adds
// to the client's: "$representations:[_Any!]!".
func (e *EntityFetch) Definitions() []string {
	list := []string{"$" + e.Variable + ":[_Any!]!"}
	for _, a := range e.Arguments {
		list = append(list, "$"+a.Variable+":"+a.Type)
	}
	return list
}

// Definition returns the definition of a variable: "$first:Int=3".
func Definition(v operation.VariableDefinition) string {
	if v.Default == "" {
		return "$" + v.Name + ":" + v.Type
	}
	return "$" + v.Name + ":" + v.Type + "=" + v.Default
}

// GraphQL prints the _entities field.
func (e *EntityFetch) GraphQL() string { return e.Renamed(e.ResponseKey, nil) }

// Renamed prints the _entities field with another response key, and with other
// names for the variables that are in names.
func (e *EntityFetch) Renamed(responseKey string, names map[string]string) string {
	var b strings.Builder
	e.print(&b, responseKey, names)
	return b.String()
}

func (e *EntityFetch) print(b *strings.Builder, responseKey string, names map[string]string) {
	if responseKey != entitiesField {
		b.WriteString(responseKey + ":")
	}
	variable := e.Variable
	if to, ok := names[variable]; ok {
		variable = to
	}
	b.WriteString(entitiesField + "(representations:$" + variable + "){")
	for i, sel := range e.Selections {
		if _, field := sel.(*SelectedField); field && i > 0 {
			b.WriteByte(' ')
		}
		printSelection(b, sel, names)
	}
	b.WriteByte('}')
}

// entitiesField is the root field that resolves entities (Federation subgraph
// specification).
const entitiesField = "_entities"

// GraphQL prints a selection set.
func (s Selections) GraphQL() string {
	var b strings.Builder
	s.print(&b, nil)
	return b.String()
}

func (s Selections) print(b *strings.Builder, names map[string]string) {
	b.WriteByte('{')
	for i, sel := range s {
		if i > 0 {
			b.WriteByte(' ')
		}
		printSelection(b, sel, names)
	}
	b.WriteByte('}')
}

func printSelection(b *strings.Builder, sel Selection, names map[string]string) {
	switch sel := sel.(type) {
	case *SelectedField:
		sel.print(b, names)
	case *InlineFragment:
		b.WriteString("...")
		if sel.On != "" {
			b.WriteString("on " + sel.On)
		}
		sel.Selections.print(b, names)
	}
}

func (f *SelectedField) print(b *strings.Builder, names map[string]string) {
	if f.ResponseKey != f.Name {
		b.WriteString(f.ResponseKey + ":")
	}
	b.WriteString(f.Name)
	before := "("
	for _, a := range f.Arguments {
		value := a.Value
		if len(a.Variables) == 1 {
			if to, ok := names[a.Variables[0]]; ok {
				value = "$" + to
			}
		}
		b.WriteString(before + a.Name + ":" + value)
		before = ","
	}
	if len(f.Arguments) > 0 {
		b.WriteByte(')')
	}
	if f.Selections != nil {
		f.Selections.print(b, names)
	}
}

// Variables returns the names of the variables that a selection set uses, sorted.
func (s Selections) Variables() []string {
	var names []string
	s.fields(func(f *SelectedField) {
		for _, a := range f.Arguments {
			names = append(names, a.Variables...)
		}
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// fields visits all fields, those of fragments and nested ones too.
func (s Selections) fields(visit func(f *SelectedField)) {
	for _, sel := range s {
		switch sel := sel.(type) {
		case *SelectedField:
			visit(sel)
			sel.Selections.fields(visit)
		case *InlineFragment:
			sel.Selections.fields(visit)
		}
	}
}

// CheckContextArguments reports a variable of a context argument that is not the
// whole value of an argument, but inside a list or an input object. Renamed
// would not find it there.
func (e *EntityFetch) CheckContextArguments() (err error) {
	e.Selections.fields(func(f *SelectedField) {
		for _, a := range f.Arguments {
			for _, c := range e.Arguments {
				if slices.Contains(a.Variables, c.Variable) && a.Value != "$"+c.Variable {
					err = fmt.Errorf("argument %s of %s has $%s inside a value", a.Name, f.Name, c.Variable)
				}
			}
		}
	})
	return err
}
