package subgraph

import (
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/compose/internal/schema"
)

// directive converts an application of a directive.
func directive(d *ast.Directive, of *schema.Extension) *schema.Directive {
	applied := &schema.Directive{Name: d.Name, Extension: of, Position: position(d.Position)}
	applied.Position.Column-- // of the @
	if len(d.Arguments) > 0 {
		applied.Arguments = make([]schema.Argument, 0, len(d.Arguments))
	}
	for _, a := range d.Arguments {
		applied.Arguments = slices.DeleteFunc(applied.Arguments, func(before schema.Argument) bool { return before.Name == a.Name })
		applied.Arguments = append(applied.Arguments, schema.Argument{Name: a.Name, Value: value(a.Value)})
	}
	return applied
}

// reference converts a reference to a type.
func reference(t *ast.Type) *schema.Ref {
	if t.Elem != nil {
		return &schema.Ref{Of: reference(t.Elem), NonNull: t.NonNull}
	}
	return &schema.Ref{Name: t.NamedType, NonNull: t.NonNull}
}

// value converts a value.
func value(v *ast.Value) *schema.Value {
	if v == nil {
		return nil
	}
	switch v.Kind {
	case ast.NullValue:
		return schema.Null
	case ast.BooleanValue:
		return schema.Bool(strings.EqualFold(v.Raw, "true"))
	case ast.IntValue, ast.FloatValue:
		return schema.Number(v.Raw)
	case ast.StringValue, ast.BlockValue:
		return schema.Text(v.Raw)
	case ast.EnumValue:
		return schema.Name(v.Raw)
	case ast.Variable:
		return &schema.Value{Kind: schema.VariableValue, Raw: v.Raw}
	case ast.ListValue:
		items := make([]*schema.Value, len(v.Children))
		for i, child := range v.Children {
			items[i] = value(child.Value)
		}
		return schema.List(items...)
	}
	fields := make([]schema.Argument, len(v.Children))
	for i, child := range v.Children {
		fields[i] = schema.Argument{Name: child.Name, Value: value(child.Value)}
	}
	return schema.Struct(fields...)
}
