package plan

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"souk/router/operation"
)

// GraphQL prints the operation of a fetch, without needless white
// space: "query($representations:[_Any!]!){_entities(...)...}". The order of
// everything is that of the plan, so equal fetches have equal texts.
func (f *Fetch) GraphQL() string { return string(f.AppendGraphQL(make([]byte, 0, shortQuery))) }

// AppendGraphQL appends the text that GraphQL returns.
func (f *Fetch) AppendGraphQL(b []byte) []byte {
	if len(f.Entities) > 0 || len(f.Variables) > 0 || f.OperationName != "" || f.OperationKind != operation.Query {
		b = append(b, f.OperationKind.String()...)
	}
	if f.OperationName != "" {
		b = append(append(b, ' '), f.OperationName...)
	}
	before := byte('(')
	for _, e := range f.Entities {
		b = appendDefinition(append(b, before), e.Variable, representations)
		before = ','
		for _, a := range e.Arguments {
			b = appendDefinition(append(b, before), a.Variable, a.Type)
		}
	}
	for _, v := range f.Variables {
		b = appendDefinition(append(b, before), v.Name, v.Type)
		if before = ','; v.Default != "" {
			b = append(append(b, '='), v.Default...)
		}
	}
	if before == ',' {
		b = append(b, ')')
	}
	if f.Kind != EntitiesFetch {
		return f.Selections.print(b, nil)
	}
	b = append(b, '{')
	for i, e := range f.Entities {
		if i > 0 {
			b = append(b, ' ')
		}
		b = e.print(b, e.ResponseKey, nil)
	}
	return append(b, '}')
}

const (
	// shortQuery is the number of bytes that most queries do not exceed.
	shortQuery = 256
	// representations is the type of a variable for representations.
	representations = "[_Any!]!"
)

func appendDefinition(b []byte, name, typ string) []byte {
	return append(append(append(append(b, '$'), name...), ':'), typ...)
}

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
	return string(e.print(nil, responseKey, names))
}

func (e *EntityFetch) print(b []byte, responseKey string, names map[string]string) []byte {
	if responseKey != entitiesField {
		b = append(append(b, responseKey...), ':')
	}
	variable := e.Variable
	if to, ok := names[variable]; ok {
		variable = to
	}
	b = append(append(append(b, entitiesField+"(representations:$"...), variable...), "){"...)
	for i, sel := range e.Selections {
		if _, field := sel.(*SelectedField); field && i > 0 {
			b = append(b, ' ')
		}
		b = printSelection(b, sel, names)
	}
	return append(b, '}')
}

// entitiesField is the root field that resolves entities (Federation subgraph
// specification).
const entitiesField = "_entities"

// GraphQL prints a selection set.
func (s Selections) GraphQL() string { return string(s.print(nil, nil)) }

func (s Selections) print(b []byte, names map[string]string) []byte {
	b = append(b, '{')
	for i, sel := range s {
		if i > 0 {
			b = append(b, ' ')
		}
		b = printSelection(b, sel, names)
	}
	return append(b, '}')
}

func printSelection(b []byte, sel Selection, names map[string]string) []byte {
	switch sel := sel.(type) {
	case *SelectedField:
		b = sel.print(b, names)
	case *InlineFragment:
		b = append(b, "..."...)
		if sel.On != "" {
			b = append(append(b, "on "...), sel.On...)
		}
		b = sel.Selections.print(b, names)
	}
	return b
}

func (f *SelectedField) print(b []byte, names map[string]string) []byte {
	if f.ResponseKey != f.Name {
		b = append(append(b, f.ResponseKey...), ':')
	}
	b = append(b, f.Name...)
	before := byte('(')
	for _, a := range f.Arguments {
		b = append(append(append(b, before), a.Name...), ':')
		before = ','
		if len(a.Variables) == 1 {
			if to, ok := names[a.Variables[0]]; ok {
				b = append(append(b, '$'), to...)
				continue
			}
		}
		b = append(b, a.Value...)
	}
	if len(f.Arguments) > 0 {
		b = append(b, ')')
	}
	if f.Selections != nil {
		b = f.Selections.print(b, names)
	}
	return b
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
