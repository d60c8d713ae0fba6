package mcp

import (
	"cmp"
	"encoding/json"
	"math"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/vektah/gqlparser/v2/ast"
)

// schemas makes JSON Schemas (draft 2020-12) for values. Enums and input objects are definitions,
// because input objects may be recursive.
type schemas struct {
	schema *ast.Schema
	named  map[string]*jsonschema.Schema
}

// input returns the schema of an operation's variables. arguments are the descriptions of the
// arguments and input fields that use them.
func input(schema *ast.Schema, op *ast.OperationDefinition, arguments map[string]string) *jsonschema.Schema {
	s := &schemas{schema, map[string]*jsonschema.Schema{}}
	o := object("")
	for _, v := range op.VariableDefinitions {
		s.property(o, v.Variable, v.Type, cmp.Or(v.Description, comment(v.Comment), arguments[v.Variable]), v.DefaultValue)
	}
	if len(s.named) > 0 {
		o.Defs = s.named
	}
	return o
}

func object(description string) *jsonschema.Schema {
	return &jsonschema.Schema{
		Type: "object", Description: description, Properties: map[string]*jsonschema.Schema{},
		AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}},
	}
}

// property adds a variable or an input field to an object.
func (s *schemas) property(o *jsonschema.Schema, name string, t *ast.Type, description string, byDefault *ast.Value) {
	p := s.value(t)
	p.Description = cmp.Or(description, p.Description)
	if byDefault == nil && t.NonNull {
		o.Required = append(o.Required, name)
	}
	if byDefault != nil {
		if v, err := byDefault.Value(nil); err == nil {
			if text, err := json.Marshal(v); err == nil {
				p.Default = text
			}
		}
	}
	o.Properties[name] = p
	o.PropertyOrder = append(o.PropertyOrder, name)
}

// value returns a new schema for the values of an input type.
func (s *schemas) value(t *ast.Type) *jsonschema.Schema { return s.of(t, s.leaf) }

// of returns a new schema for the values of a type. named returns that of a named type.
func (s *schemas) of(t *ast.Type, named func(*ast.Definition) *jsonschema.Schema) *jsonschema.Schema {
	var o *jsonschema.Schema
	if t.Elem != nil {
		o = &jsonschema.Schema{Type: "array", Items: s.of(t.Elem, named)}
	} else {
		o = named(s.schema.Types[t.NamedType])
	}
	switch {
	case t.NonNull:
		return o
	case o.Type != "":
		o.Types, o.Type = []string{o.Type, "null"}, ""
	case o.Ref != "":
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{o, {Type: "null"}}}
	case o.AnyOf != nil:
		o.AnyOf = append(o.AnyOf, &jsonschema.Schema{Type: "null"})
	}
	return o // a custom scalar: any value
}

func (s *schemas) leaf(of *ast.Definition) *jsonschema.Schema {
	switch of.Kind {
	case ast.Enum:
		return s.reference(of, enum)
	case ast.InputObject:
		return s.reference(of, s.fields)
	}
	switch of.Name {
	case "Int":
		least, most := float64(math.MinInt32), float64(math.MaxInt32)
		return &jsonschema.Schema{Type: "integer", Minimum: &least, Maximum: &most}
	case "Float":
		return &jsonschema.Schema{Type: "number"}
	case "Boolean":
		return &jsonschema.Schema{Type: "boolean"}
	case "String", "ID":
		return &jsonschema.Schema{Type: "string"}
	}
	return &jsonschema.Schema{Title: of.Name, Description: of.Description}
}

// reference returns a reference to a definition, which it makes on first use.
func (s *schemas) reference(to *ast.Definition, make func(*ast.Definition) *jsonschema.Schema) *jsonschema.Schema {
	if _, known := s.named[to.Name]; !known {
		s.named[to.Name] = nil // stops the recursion of recursive types
		s.named[to.Name] = make(to)
	}
	return &jsonschema.Schema{Ref: "#/$defs/" + to.Name}
}

// enum returns the schema of an enum. The description has those of its values.
func enum(of *ast.Definition) *jsonschema.Schema {
	o := &jsonschema.Schema{Type: "string"}
	lines := []string{}
	if of.Description != "" {
		lines = append(lines, of.Description)
	}
	for _, v := range of.EnumValues {
		o.Enum = append(o.Enum, v.Name)
		if v.Description != "" {
			lines = append(lines, v.Name+": "+v.Description)
		}
	}
	o.Description = strings.Join(lines, "\n")
	return o
}

// fields returns the schema of an input object.
func (s *schemas) fields(of *ast.Definition) *jsonschema.Schema {
	o := object(of.Description)
	for _, f := range of.Fields {
		s.property(o, f.Name, f.Type, f.Description, f.DefaultValue)
	}
	if of.Directives.ForName("oneOf") != nil {
		one := 1
		o.MinProperties, o.MaxProperties = &one, &one
	}
	return o
}
