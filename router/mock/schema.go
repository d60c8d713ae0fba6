package mock

import (
	"slices"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/internal/syntax"
)

// A schema is what an SDL defines. Extensions are merged into their types. Directives are
// not checked: composition has done that.
type schema struct {
	sdl   string
	roots map[ast.Operation]string
	types map[string]*definition
	api   *ast.Schema // nil if it is not known
}

type definition struct {
	kind     ast.DefinitionKind
	fields   map[string]*ast.FieldDefinition
	values   []string // of an enum
	possible []string // types of an abstract type
	keys     []string // the @key directives of one field
}

// maxSDLTokens bounds an SDL, in tokens.
const maxSDLTokens = 20_000_000

func read(sdl string) (*schema, error) {
	document, err := syntax.Schema(&ast.Source{Input: sdl}, maxSDLTokens)
	if err != nil {
		return nil, err
	}
	s := &schema{sdl: sdl, types: map[string]*definition{}, roots: map[ast.Operation]string{ast.Query: "Query", ast.Mutation: "Mutation", ast.Subscription: "Subscription"}}
	for _, d := range append(document.Schema, document.SchemaExtension...) {
		for _, o := range d.OperationTypes {
			s.roots[o.Operation] = o.Type
		}
	}
	all := slices.Concat(document.Definitions, document.Extensions)
	for _, d := range all {
		s.define(d)
	}
	for _, d := range all {
		if d.Kind != ast.Object {
			continue
		}
		for _, name := range d.Interfaces {
			if i := s.types[name]; i != nil && !slices.Contains(i.possible, d.Name) {
				i.possible = append(i.possible, d.Name)
			}
		}
	}
	return s, nil
}

func (s *schema) define(d *ast.Definition) {
	made := s.types[d.Name]
	if made == nil {
		made = &definition{kind: d.Kind, fields: map[string]*ast.FieldDefinition{}}
		s.types[d.Name] = made
	}
	for _, f := range d.Fields {
		made.fields[f.Name] = f
	}
	for _, key := range d.Directives.ForNames("key") {
		if fields := key.Arguments.ForName("fields"); fields != nil && fields.Value != nil && made.fields[fields.Value.Raw] != nil {
			made.keys = append(made.keys, fields.Value.Raw)
		}
	}
	for _, v := range d.EnumValues {
		made.values = append(made.values, v.Name)
	}
	if d.Kind == ast.Union {
		made.possible = append(made.possible, d.Types...)
	}
}

// visibleTypes returns the types among names that clients can see.
func (s *schema) visibleTypes(names []string) []string {
	if s.api == nil {
		return names
	}
	return preferred(names, func(name string) bool { return s.api.Types[name] != nil })
}

// visibleValues returns the values of an enum that clients can see.
func (s *schema) visibleValues(enum string) []string {
	values := s.types[enum].values
	if s.api == nil || s.api.Types[enum] == nil {
		return values
	}
	return preferred(values, func(name string) bool { return s.api.Types[enum].EnumValues.ForName(name) != nil })
}

// preferred returns the names that satisfy a condition, or all if none does.
func preferred(names []string, condition func(string) bool) []string {
	rest := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !condition(name) })
	if len(rest) == 0 {
		return names
	}
	return rest
}

// isComposite reports whether a type has fields or members.
func (s *schema) isComposite(name string) bool {
	d := s.types[name]
	return d != nil && (d.kind == ast.Object || d.kind == ast.Interface || d.kind == ast.Union)
}

// identified reports whether objects of a type have an ID.
func (s *schema) identified(name string) bool {
	return s.types[name] != nil && s.types[name].identified()
}

// isGlobal reports whether IDs of a type are unique in the graph, for Query.node.
func (s *schema) isGlobal(name string) bool {
	if s.api != nil && s.api.Types[name] != nil {
		return slices.Contains(s.api.Types[name].Interfaces, "Node")
	}
	return s.types["Node"] != nil && slices.Contains(s.types["Node"].possible, name)
}

// identified reports whether objects of a type have an ID.
func (d *definition) identified() bool { return d.fields["id"] != nil }
