package compose

import (
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// checks find what the bundled library lets pass. They see subgraphs that it
// has composed, so that each is valid by itself.
var checks = []func([]*subgraphSchema) Errors{
	checkKeys,
	checkExternalInterfaceFields,
	checkInterfaceObjects,
	checkInterfaceKeys,
	checkProvidedSharing,
	checkRuntimeTypes,
}

// check runs all checks.
func check(subgraphs []Subgraph) Errors {
	schemas := make([]*subgraphSchema, 0, len(subgraphs))
	for _, s := range subgraphs {
		schema, err := readSchema(s)
		if err != nil {
			return nil //nolint:nilerr // the library has read it; what only it understands is not checked here
		}
		schemas = append(schemas, schema)
	}
	var problems Errors
	for _, each := range checks {
		problems = append(problems, each(schemas)...)
	}
	return problems
}

// coordinate names a field of a type.
type coordinate struct{ typ, field string }

func (c coordinate) String() string { return c.typ + "." + c.field }

// subgraphSchema is what the checks read of one subgraph.
type subgraphSchema struct {
	name       string
	federated2 bool
	directives map[string]string // a Federation directive's name → the one it goes by here
	types      map[string][]*ast.Definition
	order      []*ast.Definition
}

func readSchema(s Subgraph) (*subgraphSchema, error) {
	document, err := parser.ParseSchema(&ast.Source{Name: s.Name, Input: s.SDL})
	if err != nil {
		return nil, err
	}
	schema := &subgraphSchema{name: s.Name, directives: map[string]string{}, types: map[string][]*ast.Definition{}}
	for _, list := range []ast.DefinitionList{document.Definitions, document.Extensions} {
		for _, definition := range list {
			schema.types[definition.Name] = append(schema.types[definition.Name], definition)
			schema.order = append(schema.order, definition)
		}
	}
	for _, list := range []ast.SchemaDefinitionList{document.Schema, document.SchemaExtension} {
		for _, definition := range list {
			for _, link := range definition.Directives.ForNames("link") {
				schema.readLink(link)
			}
		}
	}
	return schema, nil
}

// readLink takes from a @link to the Federation specification how its
// directives are called in this subgraph.
func (s *subgraphSchema) readLink(link *ast.Directive) {
	url := link.Arguments.ForName("url")
	if url == nil || !strings.Contains(url.Value.Raw, "specs.apollo.dev/federation/v2") {
		return
	}
	s.federated2 = true
	namespace := "federation"
	if as := link.Arguments.ForName("as"); as != nil {
		namespace = as.Value.Raw
	}
	for _, name := range []string{"shareable", "external", "key", "provides", "interfaceObject"} {
		s.directives[name] = namespace + "__" + name
	}
	imports := link.Arguments.ForName("import")
	if imports == nil {
		return
	}
	for _, each := range imports.Value.Children {
		name, as := each.Value.Raw, each.Value.Raw
		if each.Value.Kind == ast.ObjectValue {
			if v := each.Value.Children.ForName("name"); v != nil {
				name, as = v.Raw, v.Raw
			}
			if v := each.Value.Children.ForName("as"); v != nil {
				as = v.Raw
			}
		}
		s.directives[strings.TrimPrefix(name, "@")] = strings.TrimPrefix(as, "@")
	}
}

func (s *subgraphSchema) has(directives ast.DirectiveList, name string) bool {
	return directives.ForName(s.directives[name]) != nil
}

func (s *subgraphSchema) field(at coordinate) *ast.FieldDefinition {
	for _, definition := range s.types[at.typ] {
		if field := definition.Fields.ForName(at.field); field != nil {
			return field
		}
	}
	return nil
}

// is tells whether a type is defined here as one of a kind.
func (s *subgraphSchema) is(typ string, kinds ...ast.DefinitionKind) bool {
	return len(s.types[typ]) > 0 && slices.Contains(kinds, s.types[typ][0].Kind)
}

// applied gives a directive of Federation's where it is applied to a type.
func (s *subgraphSchema) applied(typ, directive string) []*ast.Directive {
	var all []*ast.Directive
	for _, definition := range s.types[typ] {
		all = append(all, definition.Directives.ForNames(s.directives[directive])...)
	}
	return all
}

// fieldSet reads the selection that a directive's argument fields is.
func fieldSet(directive *ast.Directive) ast.SelectionSet {
	fields := directive.Arguments.ForName("fields")
	if fields == nil {
		return nil
	}
	set, err := parser.ParseQuery(&ast.Source{Input: "{" + fields.Value.Raw + "}"})
	if err != nil || len(set.Operations) == 0 {
		return nil
	}
	return set.Operations[0].SelectionSet
}

// possible gives the object types that a value of a type may have here.
func (s *subgraphSchema) possible(typ string) []string {
	var all []string
	for _, definition := range s.order {
		member := definition.Name == typ && definition.Kind == ast.Object || slices.Contains(definition.Interfaces, typ) && definition.Kind == ast.Object
		if member && !slices.Contains(all, definition.Name) {
			all = append(all, definition.Name)
		}
	}
	for _, definition := range s.types[typ] {
		for _, member := range definition.Types {
			if !slices.Contains(all, member) {
				all = append(all, member)
			}
		}
	}
	return all
}
