package compose

import (
	"fmt"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// A field that one subgraph provides (@provides names it, so it is @external
// there) is resolved by that subgraph too, on that path. The subgraph it
// belongs to has to share it, or the router may not choose. The bundled
// library does not look at provided fields when it checks sharing; this does.

// checkProvidedSharing finds fields that a subgraph provides although the
// subgraph that defines them does not share them.
func checkProvidedSharing(subgraphs []Subgraph) Errors {
	schemas := make([]*subgraphSchema, 0, len(subgraphs))
	for _, s := range subgraphs {
		schema, err := readSchema(s)
		if err != nil { // the library has read it; leave it at that
			return nil
		}
		schemas = append(schemas, schema)
	}
	var problems Errors
	reported := map[string]bool{}
	for _, provider := range schemas {
		for _, field := range provider.providedFields() {
			for _, owner := range schemas {
				definition := owner.unsharedField(field)
				key := owner.name + "/" + field.String()
				if owner == provider || definition == nil || reported[key] {
					continue
				}
				reported[key] = true
				problems = append(problems, &Error{
					Code: CodeInvalidFieldSharing,
					Message: fmt.Sprintf("Non-shareable field %q is resolved from multiple subgraphs: subgraph %q defines it, and %q resolves it by @provides; mark it @shareable in %q",
						field, owner.name, provider.name, owner.name),
					Subgraph: owner.name,
					Line:     definition.Position.Line,
					Column:   definition.Position.Column,
				})
			}
		}
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
	for _, name := range []string{"shareable", "external", "key", "provides"} {
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

// providedFields gives the object fields that this subgraph provides, in the
// order of its SDL.
func (s *subgraphSchema) providedFields() []coordinate {
	if !s.federated2 {
		return nil
	}
	var provided []coordinate
	for _, definition := range s.order {
		for _, field := range definition.Fields {
			for _, directive := range field.Directives.ForNames(s.directives["provides"]) {
				fields := directive.Arguments.ForName("fields")
				if fields == nil {
					continue
				}
				set, err := parser.ParseQuery(&ast.Source{Input: "{" + fields.Value.Raw + "}"})
				if err != nil || len(set.Operations) == 0 {
					continue
				}
				provided = s.collect(provided, field.Type.Name(), set.Operations[0].SelectionSet)
			}
		}
	}
	return provided
}

// collect appends the fields of selected that are selected on the type.
func (s *subgraphSchema) collect(to []coordinate, typ string, selected ast.SelectionSet) []coordinate {
	for _, selection := range selected {
		switch selection := selection.(type) {
		case *ast.Field:
			to = append(to, coordinate{typ, selection.Name})
			if field := s.field(coordinate{typ, selection.Name}); field != nil {
				to = s.collect(to, field.Type.Name(), selection.SelectionSet)
			}
		case *ast.InlineFragment:
			on := selection.TypeCondition
			if on == "" {
				on = typ
			}
			to = s.collect(to, on, selection.SelectionSet)
		}
	}
	return to
}

func (s *subgraphSchema) field(at coordinate) *ast.FieldDefinition {
	for _, definition := range s.types[at.typ] {
		if field := definition.Fields.ForName(at.field); field != nil {
			return field
		}
	}
	return nil
}

// unsharedField gives a field's definition when this subgraph resolves it and
// does not share it: it is neither @external, @shareable, nor part of a key.
func (s *subgraphSchema) unsharedField(at coordinate) *ast.FieldDefinition {
	if !s.federated2 { // in Federation 1 every field is shared
		return nil
	}
	for _, definition := range s.types[at.typ] {
		field := definition.Fields.ForName(at.field)
		if field == nil || definition.Kind != ast.Object {
			continue
		}
		shared := s.has(field.Directives, "shareable") || s.has(definition.Directives, "shareable")
		external := s.has(field.Directives, "external") || s.has(definition.Directives, "external")
		if !shared && !external && !s.isKey(at) {
			return field
		}
	}
	return nil
}

// isKey tells whether a field is at the top of one of its type's keys.
func (s *subgraphSchema) isKey(at coordinate) bool {
	for _, definition := range s.types[at.typ] {
		for _, key := range definition.Directives.ForNames(s.directives["key"]) {
			fields := key.Arguments.ForName("fields")
			if fields == nil {
				continue
			}
			set, err := parser.ParseQuery(&ast.Source{Input: "{" + fields.Value.Raw + "}"})
			if err != nil || len(set.Operations) == 0 {
				continue
			}
			for _, selection := range set.Operations[0].SelectionSet {
				if field, ok := selection.(*ast.Field); ok && field.Name == at.field {
					return true
				}
			}
		}
	}
	return false
}
