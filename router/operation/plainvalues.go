package operation

import (
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
)

// directives visits the directives of something on a type.
func (p *plainly) directives(list ast.DirectiveList, typ *ast.Definition, location ast.DirectiveLocation) bool {
	for i, d := range list {
		d.Definition, d.ParentDefinition, d.Location = p.schema.schema.Directives[d.Name], typ, location
		if d.Definition == nil || i == plainNames || !slices.Contains(d.Definition.Locations, location) ||
			!d.Definition.IsRepeatable && list[:i].ForName(d.Name) != nil ||
			!p.arguments(d.Definition.Arguments, d.Arguments) || d.Name == "defer" && !p.deferred(d) {
			return false
		}
	}
	return true
}

// deferred visits a @defer.
func (p *plainly) deferred(d *ast.Directive) bool {
	if p.op.Operation != ast.Query {
		return false
	}
	label := deferArgument(d, "label")
	if label == nil || label.Kind == ast.NullValue {
		return true
	}
	if label.Kind == ast.Variable || len(p.labels) == plainNames || slices.Contains(p.labels, label.Raw) {
		return false
	}
	p.labels = append(p.labels, label.Raw)
	return true
}

func (p *plainly) arguments(definitions ast.ArgumentDefinitionList, list ast.ArgumentList) bool {
	for i, a := range list {
		def := definitions.ForName(a.Name)
		if def == nil || i == plainNames || list[:i].ForName(a.Name) != nil {
			return false
		}
		a.Value.ExpectedTypeHasDefault = def.DefaultValue != nil && def.DefaultValue.Kind != ast.NullValue
		if !p.value(a.Value, def.Type, p.schema.schema.Types[def.Type.Name()]) {
			return false
		}
	}
	return !slices.ContainsFunc(definitions, func(required *ast.ArgumentDefinition) bool {
		return required.Type.NonNull && required.DefaultValue == nil && list.ForName(required.Name) == nil
	})
}

// value visits a value where a type is expected, the name of which is that of a definition.
func (p *plainly) value(v *ast.Value, typ *ast.Type, def *ast.Definition) bool {
	v.ExpectedType, v.Definition = typ, def
	switch {
	case def == nil:
		return false
	case v.Kind == ast.Variable:
		return p.variable(v)
	case v.Kind == ast.NullValue:
		return !typ.NonNull
	case typ.Elem != nil:
		return v.Kind == ast.ListValue && !slices.ContainsFunc(v.Children, func(item *ast.ChildValue) bool { return !p.value(item.Value, typ.Elem, def) })
	case v.Kind == ast.ObjectValue:
		return def.Kind == ast.InputObject && p.object(v, def)
	}
	return isPlainLeaf(v, def)
}

// isPlainLeaf reports whether a literal is a value of an enum or a scalar.
func isPlainLeaf(v *ast.Value, def *ast.Definition) bool {
	switch v.Kind {
	case ast.IntValue:
		return def.OneOf("Int", "Float", "ID") && inRange(def.Name, v)
	case ast.FloatValue:
		return def.OneOf("Float") && inRange(def.Name, v)
	case ast.StringValue, ast.BlockValue:
		return def.OneOf("String", "ID")
	case ast.BooleanValue:
		return def.OneOf("Boolean")
	case ast.EnumValue:
		return def.Kind == ast.Enum && def.EnumValues.ForName(v.Raw) != nil
	}
	return false
}

// object visits an input object.
func (p *plainly) object(v *ast.Value, def *ast.Definition) bool {
	if def.Directives.ForName("oneOf") != nil || len(v.Children) > plainNames {
		return false
	}
	for i, child := range v.Children {
		f := def.Fields.ForName(child.Name)
		if f == nil || v.Children[:i].ForName(child.Name) != nil {
			return false
		}
		child.Value.ExpectedTypeHasDefault = f.DefaultValue != nil && f.DefaultValue.Kind != ast.NullValue
		if !p.value(child.Value, f.Type, p.schema.schema.Types[f.Type.Name()]) {
			return false
		}
	}
	return !slices.ContainsFunc(def.Fields, func(required *ast.FieldDefinition) bool {
		return required.Type.NonNull && required.DefaultValue == nil && v.Children.ForName(required.Name) == nil
	})
}

func (p *plainly) variable(v *ast.Value) bool {
	def := p.op.VariableDefinitions.ForName(v.Raw)
	if def == nil {
		return false
	}
	v.VariableDefinition, def.Used = def, true
	expected := *v.ExpectedType
	if v.ExpectedTypeHasDefault || def.DefaultValue != nil && def.DefaultValue.Kind != ast.NullValue {
		expected.NonNull = false
	}
	return def.Type.IsCompatible(&expected)
}
