package supergraph

import (
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"

	"souk/internal/constraint"
)

// apiSchema prints the API schema, the part of the supergraph that clients see.
func (r *reader) apiSchema() string {
	doc := &ast.SchemaDocument{}
	doc.Schema = ast.SchemaDefinitionList{r.apiRoots()}
	for _, d := range r.doc.Directives {
		if (executable(d) || d.Name == constraint.Name) && !r.machinery(d.Name) && r.federated(d.Name) == "" {
			doc.Directives = append(doc.Directives, d)
		}
	}
	for _, def := range r.doc.Definitions {
		if r.visible(def.Name) {
			doc.Definitions = append(doc.Definitions, r.apiDefinition(def))
		}
	}
	var b strings.Builder
	formatter.NewFormatter(&b, formatter.WithIndent("  ")).FormatSchemaDocument(doc)
	return b.String()
}

// visible reports whether clients see a type. A type whose fields are all
// inaccessible is hidden too, because GraphQL does not allow empty types.
func (r *reader) visible(name string) bool {
	t := r.types[name]
	if t == nil || t.Inaccessible {
		return false
	}
	return len(t.Fields) == 0 || slices.ContainsFunc(t.Fields, func(f *Field) bool { return !f.Inaccessible })
}

func (r *reader) apiRoots() *ast.SchemaDefinition {
	roots := &ast.SchemaDefinition{}
	for _, schema := range r.doc.Schema {
		roots.Description = schema.Description
	}
	add := func(op ast.Operation, t *Type) {
		if t != nil && r.visible(t.Name) {
			roots.OperationTypes = append(roots.OperationTypes, &ast.OperationTypeDefinition{Operation: op, Type: t.Name})
		}
	}
	add(ast.Query, r.model.Query)
	add(ast.Mutation, r.model.Mutation)
	add(ast.Subscription, r.model.Subscription)
	return roots
}

func (r *reader) apiDefinition(def *ast.Definition) *ast.Definition {
	api := *def
	api.Directives = apiDirectives(def.Directives)
	api.Interfaces, api.Types, api.TypePositions, api.Fields, api.EnumValues = nil, nil, nil, nil, nil
	for _, name := range def.Interfaces {
		if r.visible(name) {
			api.Interfaces = append(api.Interfaces, name)
		}
	}
	for _, name := range def.Types {
		if r.visible(name) {
			api.Types = append(api.Types, name)
		}
	}
	for _, v := range def.EnumValues {
		if r.directive(v.Directives, "inaccessible") == nil {
			value := *v
			value.Directives = apiDirectives(v.Directives)
			api.EnumValues = append(api.EnumValues, &value)
		}
	}
	for _, f := range def.Fields {
		if r.directive(f.Directives, "inaccessible") == nil && r.visible(f.Type.Name()) {
			api.Fields = append(api.Fields, r.apiField(f))
		}
	}
	return &api
}

func (r *reader) apiField(f *ast.FieldDefinition) *ast.FieldDefinition {
	field := *f
	field.Directives = apiDirectives(f.Directives)
	field.Arguments = nil
	for _, a := range f.Arguments {
		if r.directive(a.Directives, "inaccessible") == nil && r.visible(a.Type.Name()) {
			argument := *a
			argument.Directives = apiDirectives(a.Directives)
			field.Arguments = append(field.Arguments, &argument)
		}
	}
	return &field
}

// apiDirectives returns the applications of built-in directives and of
// @constraint, which says what clients may send. The others are addressed to the
// gateway and do not belong in the API schema.
func apiDirectives(list ast.DirectiveList) ast.DirectiveList {
	var kept ast.DirectiveList
	for _, d := range list {
		switch d.Name {
		case "deprecated", "specifiedBy", "oneOf", constraint.Name:
			kept = append(kept, d)
		}
	}
	return kept
}

// executable reports whether a directive can be used in an operation.
func executable(d *ast.DirectiveDefinition) bool {
	for _, l := range d.Locations {
		switch l {
		case ast.LocationQuery, ast.LocationMutation, ast.LocationSubscription, ast.LocationField,
			ast.LocationFragmentDefinition, ast.LocationFragmentSpread, ast.LocationInlineFragment, ast.LocationVariableDefinition:
			return true
		}
	}
	return false
}
