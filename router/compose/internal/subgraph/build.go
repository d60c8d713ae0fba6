package subgraph

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/compose/internal/report"
	"souk/router/compose/internal/schema"
)

// A builder builds the schema of a document.
type builder struct {
	name     string // of the subgraph
	document *ast.SchemaDocument
	schema   *schema.Schema
	links    *Links // nil without @link
	errors   []*report.Error
	built    map[*schema.Type]bool // input types of connectors that are built early
	upgraded bool                  // from Federation 1
}

func (b *builder) errorf(code string, at *schema.Node, format string, args ...any) {
	b.errorAt(code, at.Position, format, args...)
}

func (b *builder) errorAt(code string, at schema.Position, format string, args ...any) {
	e := &report.Error{Code: code, Message: fmt.Sprintf(format, args...)}
	e.Locations = []report.Location{{Subgraph: b.name, Line: at.Line, Column: at.Column}}
	b.errors = append(b.errors, e)
}

// suggest sets what to do about the last error, where the suggestion for its code does not fit.
func (b *builder) suggest(suggestion string) { b.errors[len(b.errors)-1].Suggestion = suggestion }

func (b *builder) invalid(at schema.Position, format string, args ...any) {
	b.errorAt("INVALID_GRAPHQL", at, format, args...)
}

func position(p *ast.Position) schema.Position {
	if p == nil {
		return schema.Position{}
	}
	return schema.Position{Line: p.Line, Column: p.Column}
}

// definitions returns the definitions and extensions in the order of the document.
func (b *builder) definitions() (all []*ast.Definition, extends map[*ast.Definition]bool) {
	extends = map[*ast.Definition]bool{}
	for _, e := range b.document.Extensions {
		extends[e] = true
	}
	all = slices.Concat(b.document.Definitions, b.document.Extensions)
	slices.SortFunc(all, func(x, y *ast.Definition) int { return cmp.Compare(x.Position.Start, y.Position.Start) })
	return slices.DeleteFunc(all, func(d *ast.Definition) bool { return introspectionTypes[d.Name] }), extends
}

// introspectionTypes may be defined in a document; the definitions are ignored.
var introspectionTypes = map[string]bool{
	"__Schema": true, "__Type": true, "__TypeKind": true, "__Field": true, "__InputValue": true, "__EnumValue": true, "__Directive": true, "__DirectiveLocation": true,
}

var kinds = map[ast.DefinitionKind]schema.Kind{
	ast.Scalar: schema.Scalar, ast.Object: schema.Object, ast.Interface: schema.Interface,
	ast.Union: schema.Union, ast.Enum: schema.Enum, ast.InputObject: schema.Input,
}

// build builds the schema. It stops at the first stage with errors.
func (b *builder) build(complete func(*builder)) {
	all, extends := b.definitions()
	b.declare(all, extends)
	if len(b.errors) > 0 {
		return
	}
	b.schemaDefinition()
	complete(b)
	if len(b.errors) > 0 {
		return
	}
	for _, d := range b.document.Directives {
		if own := b.schema.OwnDirective(d.Name); own != nil {
			for _, a := range d.Arguments {
				if argument := own.Argument(a.Name); argument != nil {
					argument.Applied = b.applied(a.Directives, nil)
				}
			}
		}
	}
	b.schemaApplications()
	for _, extension := range []bool{false, true} {
		for _, d := range all {
			if extends[d] == extension {
				b.fill(d, extension)
			}
		}
	}
}

// declare adds all types and directives, so that others can refer to them, and what
// depends on no others.
func (b *builder) declare(all []*ast.Definition, extends map[*ast.Definition]bool) {
	for _, d := range all {
		t := b.schema.Own(d.Name)
		switch {
		case t != nil && t.Kind != kinds[d.Kind]:
			b.invalid(position(d.Position), "Type %q is defined as a %s and as a %s.", d.Name, t.Kind, kinds[d.Kind])
			b.suggest("Rename one of the types, or make the extension one of the same kind.")
			continue
		case t != nil && t.Defined && !extends[d]:
			b.invalid(position(d.Position), "Type %q is defined twice.", d.Name)
			b.suggest("Remove one definition, or make it an extension with the keyword extend.")
			continue
		case t == nil && extends[d] && schema.BuiltIn(d.Name):
			b.invalid(position(d.Position), "The built-in type %q cannot be extended.", d.Name)
			b.suggest("Remove the extension, and define a scalar of your own.")
			continue
		case t == nil:
			t = b.schema.AddType(kinds[d.Kind], d.Name)
		}
		t.Defined = t.Defined || !extends[d]
		if t.Position.Line == 0 || !extends[d] {
			t.Position = position(d.Position)
		}
	}
	for _, extension := range []bool{false, true} {
		for _, d := range all {
			if d.Kind == ast.Enum && extends[d] == extension && b.schema.Own(d.Name) != nil {
				b.enumValues(d, b.schema.Own(d.Name), extension)
			}
		}
	}
	for _, d := range b.document.Directives {
		b.directiveDefinition(d)
	}
	for _, d := range b.schema.Directives {
		for _, a := range d.Arguments {
			b.checkReference(a, false)
		}
	}
}

func (b *builder) enumValues(d *ast.Definition, t *schema.Type, extension bool) {
	var of *schema.Extension
	if extension {
		of = b.extension(d, t)
	}
	for _, v := range d.EnumValues {
		if t.Value(v.Name) != nil {
			b.invalid(position(v.Position), "The value %q of enum %q is defined twice.", v.Name, t.Name)
			b.suggest("Remove one of the values.")
			continue
		}
		value := t.AddValue(v.Name)
		value.Extension, value.Position = of, position(v.Position)
		describe(&value.Node, v.Description)
	}
}

// extension returns the extension of a type that a definition is.
func (b *builder) extension(d *ast.Definition, t *schema.Type) *schema.Extension {
	at := position(d.Position)
	for _, e := range t.Extensions {
		if e.Position == at {
			return e
		}
	}
	e := &schema.Extension{Position: at}
	t.Extensions = append(t.Extensions, e)
	return e
}

func (b *builder) directiveDefinition(d *ast.DirectiveDefinition) {
	if b.schema.OwnDirective(d.Name) != nil {
		b.invalid(position(d.Position), "Directive @%s is defined twice.", d.Name)
		b.suggest("Remove one of the definitions.")
		return
	}
	own := b.schema.AddDirective(d.Name)
	own.Position = position(d.Position)
	own.Repeatable = d.IsRepeatable
	describe(&own.Node, d.Description)
	for _, l := range d.Locations {
		own.Locations = append(own.Locations, string(l))
	}
	for _, a := range d.Arguments {
		if own.Argument(a.Name) != nil {
			b.invalid(position(a.Position), "Argument %q of @%s is defined twice.", a.Name, d.Name)
			b.suggest("Remove one of the arguments.")
			continue
		}
		b.argument(own.AddArgument(a.Name), a)
	}
}

func (b *builder) argument(argument *schema.Field, a *ast.ArgumentDefinition) {
	argument.Position = position(a.Position)
	argument.Type, argument.Default = reference(a.Type), value(a.DefaultValue)
	describe(&argument.Node, a.Description)
}

func (b *builder) schemaDefinition() {
	if len(b.document.Schema) > 1 {
		b.invalid(position(b.document.Schema[1].Position), "The schema is defined twice.")
		b.suggest("Remove one definition, or make it an extension with the keyword extend.")
	}
	for i, list := range []ast.SchemaDefinitionList{b.document.Schema, b.document.SchemaExtension} {
		for _, d := range list {
			if i == 0 {
				b.schema.Defined = true
				describe(&b.schema.Node, d.Description)
			} else {
				b.schema.Extensions = append(b.schema.Extensions, position(d.Position))
			}
			if b.schema.Position.Line == 0 {
				b.schema.Position = position(d.Position)
			}
			b.rootTypes(d)
		}
	}
}

func (b *builder) rootTypes(d *ast.SchemaDefinition) {
	for _, o := range d.OperationTypes {
		operation := slices.Index(schema.OperationNames[:], string(o.Operation))
		switch t := b.schema.Own(o.Type); {
		case t == nil:
			b.invalid(position(o.Position), "The root type %q of %s is not defined.", o.Type, o.Operation)
			b.suggest("Define the type, or correct its name in the schema definition.")
		case t.Kind != schema.Object:
			b.invalid(position(o.Position), "The root type %q of %s must be an object type.", o.Type, o.Operation)
			b.suggest("Name an object type in the schema definition.")
		default:
			b.schema.Roots[operation] = o.Type
		}
	}
}

// schemaApplications applies directives to the schema, after @link is understood.
func (b *builder) schemaApplications() {
	for i, list := range []ast.SchemaDefinitionList{b.document.Schema, b.document.SchemaExtension} {
		for _, d := range list {
			var of *schema.Extension
			if i == 1 {
				of = &schema.Extension{Position: position(d.Position)}
			}
			b.schema.Applied = append(b.schema.Applied, b.applied(d.Directives, of)...)
		}
	}
}

// applied converts applications, and reports directives that are not defined.
func (b *builder) applied(list ast.DirectiveList, of *schema.Extension) []*schema.Directive {
	if len(list) == 0 {
		return nil
	}
	all := make([]*schema.Directive, 0, len(list))
	for _, d := range list {
		if b.schema.Directive(d.Name) == nil {
			reason, suggestion := b.unknownDirective(d.Name)
			b.invalid(directive(d, of).Position, "Directive @%s is not defined.%s", d.Name, reason)
			b.suggest(suggestion)
			continue
		}
		all = append(all, directive(d, of))
	}
	return all
}
