package subgraph

import (
	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/compose/internal/report"
	"souk/router/compose/internal/schema"
)

// fill adds the content of a definition or extension.
func (b *builder) fill(d *ast.Definition, extends bool) {
	t := b.schema.Own(d.Name)
	if t == nil { // renamed by an upgrade
		return
	}
	var of *schema.Extension
	if extends {
		of = b.extension(d, t)
	}
	switch d.Kind {
	case ast.Enum:
		for _, v := range d.EnumValues {
			t.Value(v.Name).Applied = b.applied(v.Directives, nil)
		}
	case ast.Union:
		for i, name := range d.Types {
			at := position(d.Position)
			if i < len(d.TypePositions) {
				at = position(d.TypePositions[i])
			}
			b.member(t, &schema.Reference{Name: name, Extension: of, Position: at})
		}
	case ast.Object, ast.Interface:
		t.GrowFields(len(d.Fields))
		for _, f := range d.Fields {
			b.outputField(t, f, of)
		}
		for _, name := range d.Interfaces {
			b.implements(t, &schema.Reference{Name: name, Extension: of, Position: position(d.Position)})
		}
	case ast.InputObject:
		if !b.built[t] {
			b.inputFields(t, d, of)
		}
	}
	t.Applied = append(t.Applied, b.applied(d.Directives, of)...)
	if !extends {
		describe(&t.Node, d.Description)
	}
}

func (b *builder) member(t *schema.Type, r *schema.Reference) {
	member := b.schema.Type(r.Name)
	switch {
	case member == nil:
		b.invalid(r.Position, "The member %q of union %q is not defined.", r.Name, t.Name)
		b.suggest("Define the type, or correct its name.")
	case member.Kind != schema.Object:
		b.invalid(r.Position, "The member %q of union %q must be an object type, not a %s.", r.Name, t.Name, member.Kind)
		b.suggest("Remove the member, or name an object type.")
	case t.HasMember(r.Name):
		b.invalid(r.Position, "Union %q has the member %q twice.", t.Name, r.Name)
		b.suggest("Remove one of the members.")
	default:
		t.Members = append(t.Members, r)
	}
}

func (b *builder) implements(t *schema.Type, r *schema.Reference) {
	implemented := b.schema.Type(r.Name)
	switch {
	case implemented == nil:
		b.invalid(r.Position, "The interface %q that type %q implements is not defined.", r.Name, t.Name)
		b.suggest("Define the interface, or correct its name.")
	case implemented.Kind != schema.Interface:
		b.invalid(r.Position, "Type %q implements %q, which is a %s and not an interface.", t.Name, r.Name, implemented.Kind)
		b.suggest("Remove it from what the type implements, or make it an interface.")
	case t.Implements(r.Name):
		b.invalid(r.Position, "Type %q implements %q twice.", t.Name, r.Name)
		b.suggest("Remove one of the two.")
	default:
		t.Interfaces = append(t.Interfaces, r)
	}
}

// ignored reports whether a field is left out: Federation 1 accepted definitions of
// its own fields that use undefined types.
func (b *builder) ignored(t *schema.Type, field string) bool {
	return (field == "_entities" || field == "_service") && b.schema.Roots[schema.Query] == t.Name && (b.upgraded || b.links.Find(federationIdentity) == nil)
}

func (b *builder) outputField(t *schema.Type, f *ast.FieldDefinition, of *schema.Extension) {
	if b.ignored(t, f.Name) {
		return
	}
	if t.Field(f.Name) != nil {
		b.invalid(position(f.Position), "Field %q of type %q is defined twice.", f.Name, t.Name)
		b.suggest("Remove one of the fields.")
		return
	}
	field := t.AddField(f.Name)
	field.Position, field.Extension, field.Type = position(f.Position), of, reference(f.Type)
	describe(&field.Node, f.Description)
	b.checkReference(field, true)
	for _, a := range f.Arguments {
		if field.Argument(a.Name) != nil {
			b.invalid(position(a.Position), "Argument %q of field %q is defined twice.", a.Name, field.Coordinate())
			b.suggest("Remove one of the arguments.")
			continue
		}
		argument := field.AddArgument(a.Name)
		b.argument(argument, a)
		b.checkReference(argument, false)
		argument.Applied = b.applied(a.Directives, nil)
	}
	field.Applied = b.applied(f.Directives, nil)
}

func (b *builder) inputFields(t *schema.Type, d *ast.Definition, of *schema.Extension) {
	for _, f := range d.Fields {
		if t.Field(f.Name) != nil {
			b.invalid(position(f.Position), "Input field %q of type %q is defined twice.", f.Name, t.Name)
			b.suggest("Remove one of the fields.")
			continue
		}
		field := t.AddField(f.Name)
		field.Position, field.Extension = position(f.Position), of
		field.Type, field.Default = reference(f.Type), value(f.DefaultValue)
		describe(&field.Node, f.Description)
		b.checkReference(field, false)
		field.Applied = b.applied(f.Directives, nil)
	}
}

// checkReference checks that the type of a field or argument is defined and may be
// used there.
func (b *builder) checkReference(f *schema.Field, output bool) {
	t := b.schema.Type(f.Type.Base())
	switch {
	case t == nil:
		b.invalid(f.Position, "The type %q of %q is not defined.%s", f.Type.Base(), f.Coordinate(), report.DidYouMean(f.Type.Base(), b.typeNames()))
		b.suggest("Define the type, or correct its name.")
	case output && !t.IsOutput():
		b.invalid(f.Position, "The type of field %q must be an output type; %q is an %s.", f.Coordinate(), t.Name, t.Kind)
		b.suggest("Use a scalar, an enum, an object, an interface or a union.")
	case !output && !t.IsInput():
		b.invalid(f.Position, "The type of %q must be an input type; %q is an %s.", f.Coordinate(), t.Name, t.Kind)
		b.suggest("Use a scalar, an enum or an input object.")
	}
}

func (b *builder) typeNames() []string {
	names := []string{"Int", "Float", "String", "Boolean", "ID"}
	for _, t := range b.schema.Types {
		names = append(names, t.Name)
	}
	return names
}

// fillConnectInput adds the fields of an input type of connectors, which is checked
// before other types are built.
func (b *builder) fillConnectInput(t *schema.Type) {
	if b.built[t] || t.Kind != schema.Input || len(t.Fields) > 0 {
		return
	}
	for _, list := range []ast.DefinitionList{b.document.Definitions, b.document.Extensions} {
		for _, d := range list {
			if d.Name == t.Name && d.Kind == ast.InputObject {
				if b.built == nil {
					b.built = map[*schema.Type]bool{}
				}
				b.built[t] = true
				b.inputFields(t, d, nil)
			}
		}
	}
}
