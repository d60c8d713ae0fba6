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
	var b strings.Builder
	if r.former != nil {
		b.Grow(len(r.former.APISchema) + 4<<10)
	}
	f := formatter.NewFormatter(&b, formatter.WithIndent("  "))
	f.FormatSchemaDocument(doc)
	spans := make([][2]int, len(r.order))
	for i, e := range r.order {
		begin := b.Len()
		switch {
		case e.former != nil:
			b.WriteString(e.former.api)
		case r.visible(e.def.Name):
			f.FormatSchemaDocument(&ast.SchemaDocument{Definitions: ast.DefinitionList{r.apiDefinition(e.def)}})
		}
		spans[i] = [2]int{begin, b.Len()}
		r.pause()
	}
	text := b.String()
	for i, e := range r.order {
		if t := r.types[e.name()]; t != nil && t.text != "" {
			t.api = text[spans[i][0]:spans[i][1]]
		}
	}
	return text
}

// visible reports whether clients see a type.
func (r *reader) visible(name string) bool {
	t := r.types[name]
	return t != nil && t.visible()
}

// visible reports whether clients see the type. A type whose fields are all
// inaccessible is hidden too, because GraphQL does not allow empty types.
func (t *Type) visible() bool {
	if t.Inaccessible {
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
