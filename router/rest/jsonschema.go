package rest

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/internal/constraint"
)

// schemas generates JSON Schemas (draft 2020-12, as in OpenAPI 3.1) for the types of the API
// schema as they appear in requests and responses. Named schemas become components and are
// referenced.
type schemas struct {
	schema *ast.Schema
	ids    integerIDs
	named  map[string]ordered
}

func reference(name string) ordered { return ordered{}.with("$ref", "#/components/schemas/"+name) }

// name returns a reference to a named schema. It builds the schema on first use.
func (s *schemas) name(name string, build func() ordered) ordered {
	if _, known := s.named[name]; !known {
		s.named[name] = nil // stops the recursion of recursive types
		s.named[name] = build()
	}
	return reference(name)
}

// nullable returns a schema that also allows null.
func nullable(o ordered) ordered {
	if kind, ok := o.get("type").(string); ok && o.get("enum") == nil {
		return slices.Clone(o).set("type", []string{kind, "null"})
	}
	if len(o) == 0 { // already allows any value
		return o
	}
	return ordered{}.with("anyOf", []ordered{o, ordered{}.with("type", "null")})
}

// described returns a schema with a description. OpenAPI 3.1 also allows one next to a
// reference.
func described(o ordered, description string) ordered {
	if description == "" {
		return o
	}
	return slices.Clone(o).set("description", description)
}

// input returns the schema of request values for a type.
func (s *schemas) input(t *ast.Type) ordered {
	if !t.NonNull {
		required := *t
		required.NonNull = true
		return nullable(s.input(&required))
	}
	if t.Elem != nil {
		return ordered{}.with("type", "array").with("items", s.input(t.Elem))
	}
	definition := s.schema.Types[t.NamedType]
	if definition.Kind != ast.InputObject {
		return s.leaf(definition)
	}
	return s.name(definition.Name, func() ordered {
		properties, required := ordered{}, []string{}
		for _, field := range definition.Fields {
			properties = properties.with(field.Name, described(s.field(field), field.Description))
			if field.Type.NonNull && field.DefaultValue == nil {
				required = append(required, field.Name)
			}
		}
		o := ordered{}.with("type", "object").maybe("description", definition.Description).with("properties", properties)
		if len(required) > 0 {
			o = o.with("required", required)
		}
		return o.with("additionalProperties", false)
	})
}

// limited returns the schema of request values for a type with limits.
func (s *schemas) limited(t *ast.Type, limits *constraint.Limits) ordered {
	if limits == nil {
		return s.input(t)
	}
	if !t.NonNull && !limits.NotNull {
		required := *t
		required.NonNull = true
		return nullable(s.limited(&required, limits))
	}
	if t.Elem != nil {
		o := ordered{}.with("type", "array").with("items", s.limited(t.Elem, limits.OfItems()))
		return bound(bound(o, "minItems", limits.MinItems), "maxItems", limits.MaxItems)
	}
	required := *t
	required.NonNull = true
	o := s.input(&required)
	switch o.get("type") {
	case "integer", "number":
		return bound(bound(o, "minimum", limits.Minimum), "maximum", limits.Maximum)
	case "string":
		o = bound(bound(o, "minLength", limits.MinLength), "maxLength", limits.MaxLength)
		return o.maybe("pattern", limits.Pattern)
	}
	return o
}

// bound adds a limit unless it is nil.
func bound[N int | int64](o ordered, name string, limit *N) ordered {
	if limit == nil {
		return o
	}
	return slices.Clone(o).set(name, *limit)
}

// field returns the schema of request values for a field of an input object.
func (s *schemas) field(f *ast.FieldDefinition) ordered {
	return s.limited(f.Type, limitsOf(f.Directives))
}

// limitsOf returns the limits of an argument or input field, or nil.
func limitsOf(directives ast.DirectiveList) *constraint.Limits {
	limits, _ := constraint.Of(directives) // New has checked them
	return limits
}

// leaf returns the schema of a scalar or an enum.
func (s *schemas) leaf(definition *ast.Definition) ordered {
	if definition.Kind == ast.Enum {
		return s.name(definition.Name, func() ordered { return enumSchema(definition) })
	}
	o := ordered{}
	switch definition.Name {
	case "Int":
		return o.with("type", "integer").with("format", "int32")
	case "Long":
		return o.with("type", "integer").with("format", "int64")
	case "Float", "Decimal":
		return o.with("type", "number")
	case "String":
		return o.with("type", "string")
	case "Boolean":
		return o.with("type", "boolean")
	case "DateTime":
		return o.with("type", "string").with("format", "date-time")
	case "ID":
		if s.ids {
			return o.with("type", "integer").with("format", "int64").with("minimum", 0).with("maximum", maxIntegerID)
		}
		return o.with("type", "string")
	default:
		return o
	}
}

func enumSchema(definition *ast.Definition) ordered {
	var names, lines []string
	for _, value := range definition.EnumValues {
		names = append(names, value.Name)
		if value.Description != "" {
			lines = append(lines, "- `"+value.Name+"`: "+value.Description)
		}
	}
	description := strings.TrimSpace(definition.Description + "\n\n" + strings.Join(lines, "\n"))
	return ordered{}.with("type", "string").maybe("description", description).with("enum", names)
}

// output returns the schema of a field's value in a response. A nullable field allows null.
func (s *schemas) output(f *fieldShape) ordered { return s.outputType(f, f.definition.Type) }

func (s *schemas) outputType(f *fieldShape, t *ast.Type) ordered {
	if !t.NonNull {
		required := *t
		required.NonNull = true
		return nullable(s.outputType(f, &required))
	}
	switch {
	case t.Elem != nil:
		return ordered{}.with("type", "array").with("items", s.outputType(f, t.Elem))
	case f.object != nil && f.unwrap:
		return s.output(f.object.fields[0])
	case f.object != nil && f.object.fragment != nil:
		return s.name(f.object.fragment.Name, func() ordered { return s.object(f.object) })
	case f.object != nil:
		return s.object(f.object)
	default:
		return s.leaf(s.schema.Types[t.NamedType])
	}
}

// object returns the schema of an object in a response.
func (s *schemas) object(shape *shape) ordered {
	properties, required := ordered{}, []string{}
	for _, f := range shape.fields {
		if f.key == "__typename" || f.header != "" || f.violations {
			continue
		}
		description := f.definition.Description
		if f.unwrap { // the response has the inner value
			description = f.object.fields[0].definition.Description
		}
		if s.narrower(f.on, shape.definition) {
			description = strings.TrimSpace("Only of " + f.on.Name + ". " + description)
		} else {
			required = append(required, f.key)
		}
		properties = properties.with(f.key, described(s.output(f), description))
	}
	o := ordered{}.with("type", "object").maybe("description", shape.definition.Description).with("properties", properties)
	if len(required) > 0 {
		o = o.with("required", required)
	}
	return o
}

// narrower reports whether some objects of type whole are not of type part.
func (s *schemas) narrower(part, whole *ast.Definition) bool {
	parts := s.schema.GetPossibleTypes(part)
	for _, possible := range s.schema.GetPossibleTypes(whole) {
		if !slices.ContainsFunc(parts, func(d *ast.Definition) bool { return d.Name == possible.Name }) {
			return true
		}
	}
	return false
}

// literal converts a GraphQL literal to a value for JSON.
func literal(v *ast.Value) any {
	switch v.Kind {
	case ast.IntValue, ast.FloatValue:
		return json.Number(v.Raw)
	case ast.BooleanValue:
		return v.Raw == "true"
	case ast.NullValue:
		return nil
	case ast.ListValue:
		items := []any{}
		for _, child := range v.Children {
			items = append(items, literal(child.Value))
		}
		return items
	case ast.ObjectValue:
		o := ordered{}
		for _, child := range v.Children {
			o = o.with(child.Name, literal(child.Value))
		}
		return o
	default:
		return v.Raw
	}
}
