package introspect

import (
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/operation"
)

func (w *writer) schemaObject(list []operation.Selection) {
	w.object("__Schema", list, func(f *operation.Field) {
		switch f.Name {
		case "description":
			w.optional(w.schema.Description)
		case "types":
			each(w, w.types, nil, func(def *ast.Definition) { w.definition(def, f.Selections) })
		case "queryType":
			w.definition(w.schema.Query, f.Selections)
		case "mutationType":
			w.definition(w.schema.Mutation, f.Selections)
		case "subscriptionType":
			w.definition(w.schema.Subscription, f.Selections)
		case "directives":
			each(w, w.directives, nil, func(d *ast.DirectiveDefinition) { w.directive(d, f.Selections) })
		default:
			w.null()
		}
	})
}

// definition writes the __Type of a named type.
func (w *writer) definition(def *ast.Definition, list []operation.Selection) {
	if def == nil {
		w.null()
		return
	}
	w.object("__Type", list, func(f *operation.Field) {
		switch f.Name {
		case "kind":
			w.string(string(def.Kind))
		case "name":
			w.string(def.Name)
		case "description":
			w.optional(def.Description)
		case "specifiedByURL":
			w.optional(directiveArgument(def.Directives, "specifiedBy", "url"))
		case "isOneOf":
			if def.Kind != ast.InputObject {
				w.null()
				return
			}
			w.bool(def.Directives.ForName("oneOf") != nil)
		default:
			w.parts(def, f)
		}
	})
}

// parts writes the lists that make up a type, such as fields and enumValues. It
// writes null for lists that the kind of type does not have.
func (w *writer) parts(def *ast.Definition, f *operation.Field) {
	output := def.Kind == ast.Object || def.Kind == ast.Interface
	all := w.deprecatedToo(f)
	switch {
	case f.Name == "fields" && output:
		each(w, def.Fields, func(x *ast.FieldDefinition) bool {
			return !strings.HasPrefix(x.Name, "__") && (all || !deprecated(x.Directives))
		}, func(x *ast.FieldDefinition) { w.field(x, f.Selections) })
	case f.Name == "interfaces" && output:
		each(w, def.Interfaces, nil, func(name string) { w.definition(w.schema.Types[name], f.Selections) })
	case f.Name == "possibleTypes" && def.IsAbstractType():
		each(w, w.schema.GetPossibleTypes(def), func(x *ast.Definition) bool { return x.Kind == ast.Object },
			func(x *ast.Definition) { w.definition(x, f.Selections) })
	case f.Name == "enumValues" && def.Kind == ast.Enum:
		each(w, def.EnumValues, func(x *ast.EnumValueDefinition) bool { return all || !deprecated(x.Directives) },
			func(x *ast.EnumValueDefinition) { w.enumValue(x, f.Selections) })
	case f.Name == "inputFields" && def.Kind == ast.InputObject:
		each(w, def.Fields, func(x *ast.FieldDefinition) bool { return all || !deprecated(x.Directives) },
			func(x *ast.FieldDefinition) {
				w.inputValue(x.Name, x.Description, x.Type, x.DefaultValue, x.Directives, f.Selections)
			})
	default:
		w.null()
	}
}

// reference writes the __Type of a type reference, including LIST and NON_NULL.
func (w *writer) reference(t *ast.Type, list []operation.Selection) {
	kind, inner := "LIST", t.Elem
	switch {
	case t.NonNull:
		nullable := *t
		nullable.NonNull = false
		kind, inner = "NON_NULL", &nullable
	case t.Elem == nil:
		w.definition(w.schema.Types[t.NamedType], list)
		return
	}
	w.object("__Type", list, func(f *operation.Field) {
		switch f.Name {
		case "kind":
			w.string(kind)
		case "ofType":
			w.reference(inner, f.Selections)
		default:
			w.null()
		}
	})
}

func (w *writer) field(def *ast.FieldDefinition, list []operation.Selection) {
	w.object("__Field", list, func(f *operation.Field) {
		switch f.Name {
		case "name":
			w.string(def.Name)
		case "description":
			w.optional(def.Description)
		case "args":
			w.arguments(def.Arguments, f)
		case "type":
			w.reference(def.Type, f.Selections)
		default:
			w.deprecation(def.Directives, f)
		}
	})
}

func (w *writer) arguments(list ast.ArgumentDefinitionList, f *operation.Field) {
	all := w.deprecatedToo(f)
	each(w, list, func(x *ast.ArgumentDefinition) bool { return all || !deprecated(x.Directives) },
		func(x *ast.ArgumentDefinition) {
			w.inputValue(x.Name, x.Description, x.Type, x.DefaultValue, x.Directives, f.Selections)
		})
}

func (w *writer) inputValue(name, description string, t *ast.Type, value *ast.Value, dirs ast.DirectiveList, list []operation.Selection) {
	w.object("__InputValue", list, func(f *operation.Field) {
		switch f.Name {
		case "name":
			w.string(name)
		case "description":
			w.optional(description)
		case "type":
			w.reference(t, f.Selections)
		case "defaultValue":
			if value == nil {
				w.null()
				return
			}
			w.string(w.literal(value, t))
		default:
			w.deprecation(dirs, f)
		}
	})
}

func (w *writer) enumValue(def *ast.EnumValueDefinition, list []operation.Selection) {
	w.object("__EnumValue", list, func(f *operation.Field) {
		switch f.Name {
		case "name":
			w.string(def.Name)
		case "description":
			w.optional(def.Description)
		default:
			w.deprecation(def.Directives, f)
		}
	})
}

func (w *writer) directive(def *ast.DirectiveDefinition, list []operation.Selection) {
	w.object("__Directive", list, func(f *operation.Field) {
		switch f.Name {
		case "name":
			w.string(def.Name)
		case "description":
			w.optional(def.Description)
		case "isRepeatable":
			w.bool(def.IsRepeatable)
		case "locations":
			each(w, def.Locations, nil, func(l ast.DirectiveLocation) { w.string(string(l)) })
		case "args":
			w.arguments(def.Arguments, f)
		default:
			w.deprecation(def.Directives, f)
		}
	})
}

func (w *writer) deprecation(dirs ast.DirectiveList, f *operation.Field) {
	switch f.Name {
	case "isDeprecated":
		w.bool(deprecated(dirs))
	case "deprecationReason":
		if !deprecated(dirs) {
			w.null()
			return
		}
		reason := directiveArgument(dirs, "deprecated", "reason")
		if reason == "" {
			reason = "No longer supported"
		}
		w.string(reason)
	default:
		w.null()
	}
}

func deprecated(dirs ast.DirectiveList) bool { return dirs.ForName("deprecated") != nil }

func directiveArgument(dirs ast.DirectiveList, directive, argument string) string {
	if d := dirs.ForName(directive); d != nil {
		if a := d.Arguments.ForName(argument); a != nil {
			return a.Value.Raw
		}
	}
	return ""
}

// literal prints a default value as graphql-js does, coerced to its type: a single
// value for a list type becomes a list, and input objects include the default
// values of omitted fields.
func (w *writer) literal(v *ast.Value, t *ast.Type) string {
	def := w.schema.Types[t.Name()]
	var items []string
	switch {
	case v.Kind == ast.NullValue:
	case t.Elem != nil:
		if v.Kind != ast.ListValue {
			return "[" + w.literal(v, t.Elem) + "]"
		}
		for _, c := range v.Children {
			items = append(items, w.literal(c.Value, t.Elem))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case v.Kind == ast.ObjectValue && def != nil && def.Kind == ast.InputObject:
		for _, f := range def.Fields {
			value := v.Children.ForName(f.Name)
			if value == nil {
				value = f.DefaultValue
			}
			if value != nil {
				items = append(items, f.Name+": "+w.literal(value, f.Type))
			}
		}
		return "{" + strings.Join(items, ", ") + "}"
	}
	return v.String()
}
