package compose

import (
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// checks report errors that the bundled library misses. They run on subgraphs
// that the library has composed, so each subgraph is valid by itself.
var checks = []func([]*subgraphSchema) Errors{
	checkKeys,
	checkExternalInterfaceFields,
	checkInterfaceObjects,
	checkInterfaceKeys,
	checkProvidedSharing,
}

// check runs all checks. It reports nothing if it cannot parse a subgraph that
// the library accepts.
func check(subgraphs []Subgraph) Errors {
	schemas := readSchemas(subgraphs)
	if len(schemas) < len(subgraphs) {
		return nil
	}
	var problems Errors
	for _, each := range checks {
		problems = append(problems, each(schemas)...)
	}
	return problems
}

// readSchemas reads the subgraphs that it can parse.
func readSchemas(subgraphs []Subgraph) []*subgraphSchema {
	schemas := make([]*subgraphSchema, 0, len(subgraphs))
	for _, s := range subgraphs {
		if schema, err := readSchema(s); err == nil {
			schemas = append(schemas, schema)
		}
	}
	return schemas
}

// coordinate names a field of a type.
type coordinate struct{ typ, field string }

func (c coordinate) String() string { return c.typ + "." + c.field }

// subgraphSchema is the part of a subgraph's schema that the checks use.
type subgraphSchema struct {
	name       string
	federated2 bool
	directives map[string]string            // name in the Federation specification → name in this subgraph
	types      map[string][]*ast.Definition // a definition and its extensions, by type name
	order      []*ast.Definition            // in document order
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

// readLink records the names of the Federation directives in this subgraph from a
// @link to the Federation specification.
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

// has reports whether a Federation directive is among directives.
func (s *subgraphSchema) has(directives ast.DirectiveList, name string) bool {
	return directives.ForName(s.directives[name]) != nil
}

// field returns the definition of a field, or nil.
func (s *subgraphSchema) field(at coordinate) *ast.FieldDefinition {
	for _, definition := range s.types[at.typ] {
		if field := definition.Fields.ForName(at.field); field != nil {
			return field
		}
	}
	return nil
}

// is reports whether a type is defined in this subgraph with one of the kinds.
func (s *subgraphSchema) is(typ string, kinds ...ast.DefinitionKind) bool {
	return len(s.types[typ]) > 0 && slices.Contains(kinds, s.types[typ][0].Kind)
}

// applied returns the applications of a Federation directive to a type.
func (s *subgraphSchema) applied(typ, directive string) []*ast.Directive {
	var all []*ast.Directive
	for _, definition := range s.types[typ] {
		all = append(all, definition.Directives.ForNames(s.directives[directive])...)
	}
	return all
}

// fieldSet parses the argument "fields" of a directive. It returns nil if that is
// missing or not valid.
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

// possible returns the possible object types of a type in this subgraph.
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
