package subgraph

import (
	"slices"
	"strings"

	"souk/router/compose/internal/schema"
)

// A namer gives the elements of a specification their names in a schema.
type namer interface {
	DirectiveName(name string) string
	TypeName(name string) string
}

// federation1 names the elements of Federation 1.
type federation1 struct{}

func (federation1) DirectiveName(name string) string { return name }
func (federation1) TypeName(name string) string      { return "_" + name }

func (a ArgumentSpec) ref(names namer) *schema.Ref {
	before, after, own := strings.Cut(a.Type, "#")
	if !own {
		return schema.ParseRef(a.Type)
	}
	name := strings.TrimRight(after, "!]")
	return schema.ParseRef(before + names.TypeName(name) + after[len(name):])
}

// define adds the elements of a specification to a schema. An element that the
// schema defines itself must be compatible.
func (b *builder) define(types []*typeSpec, directives []*DirectiveSpec, names namer) {
	for _, t := range types {
		b.defineType(t, names)
	}
	for _, d := range directives {
		b.defineDirective(d, names)
	}
}

func (b *builder) defineType(t *typeSpec, names namer) {
	name := names.TypeName(t.name)
	if own := b.schema.Type(name); own != nil {
		b.checkType(t, own, names)
		return
	}
	added := b.schema.AddType(t.kind(), name)
	for _, f := range t.fields {
		field := added.AddField(f.Name)
		field.Type, field.Default = f.ref(names), f.Default
	}
	for _, v := range t.values {
		value := added.AddValue(v)
		value.Description, value.Described = purposes[v], true
	}
}

// purposes describe the purposes of linked specifications.
var purposes = map[string]string{
	"SECURITY":  "`SECURITY` features provide metadata necessary to securely resolve fields.",
	"EXECUTION": "`EXECUTION` features provide metadata necessary for operation execution.",
}

func (b *builder) checkType(t *typeSpec, own *schema.Type, names namer) {
	invalid := func(at *schema.Node, format string, args ...any) {
		b.errorf("TYPE_DEFINITION_INVALID", at, "The definition of type %q differs from its specification: "+format, append([]any{own.Name}, args...)...)
	}
	if own.Kind != t.kind() {
		invalid(&own.Node, "it must be a %s, not a %s.", t.kind(), own.Kind)
		return
	}
	if t.values != nil {
		var values []string
		for _, v := range own.Values {
			values = append(values, v.Name)
		}
		if !slices.Equal(slices.Sorted(slices.Values(values)), slices.Sorted(slices.Values(t.values))) {
			invalid(&own.Node, "its values must be %s.", strings.Join(t.values, ", "))
		}
	}
	if t.fields == nil {
		return
	}
	b.fillConnectInput(own)
	for _, f := range t.fields {
		expected, field := f.ref(names), own.Field(f.Name)
		switch {
		case field == nil && expected.NonNull && f.Default == nil:
			invalid(&own.Node, "its input field %q is missing.", f.Name)
		case field == nil:
		case !expected.Same(looser(field.Type, expected)):
			invalid(&field.Node, "its input field %q must have type %s, not %s.", f.Name, expected, field.Type)
		case !f.Default.Equal(field.Default):
			invalid(&field.Node, "its input field %q has another default value.", f.Name)
		}
	}
	for _, f := range own.Fields {
		if !slices.ContainsFunc(t.fields, func(s ArgumentSpec) bool { return s.Name == f.Name }) {
			invalid(&f.Node, "there is no input field %q.", f.Name)
		}
	}
}

// looser makes a type nullable if the expected type is: a definition may require
// what is optional.
func looser(actual, expected *schema.Ref) *schema.Ref {
	if expected.NonNull {
		return actual
	}
	return actual.Nullable()
}

func (b *builder) defineDirective(d *DirectiveSpec, names namer) {
	name := names.DirectiveName(d.Name)
	if own := b.schema.Directive(name); own != nil {
		b.checkDirective(d, own, names)
		return
	}
	added := b.schema.AddDirective(name)
	added.Repeatable, added.Locations = d.repeatable, d.locations
	for _, a := range d.arguments {
		argument := added.AddArgument(a.Name)
		argument.Type, argument.Default = a.ref(names), a.Default
	}
}

func (b *builder) checkDirective(d *DirectiveSpec, own *schema.Definition, names namer) {
	invalid := func(at *schema.Node, format string, args ...any) {
		b.errorf("DIRECTIVE_DEFINITION_INVALID", at, "The definition of @%s differs from its specification: "+format, append([]any{own.Name}, args...)...)
	}
	for _, a := range d.arguments {
		expected, argument := a.ref(names), own.Argument(a.Name)
		switch {
		case argument == nil && expected.NonNull && a.Default == nil:
			invalid(&own.Node, "its argument %q is missing.", a.Name)
		case argument == nil || argument.Type == nil:
		case !expected.Same(looser(argument.Type, expected)) && !b.redefines(expected, looser(argument.Type, expected)):
			invalid(&argument.Node, "its argument %q must have type %s, not %s.", a.Name, expected, argument.Type)
		case !argument.Type.NonNull && !a.Default.Equal(argument.Default):
			invalid(&argument.Node, "its argument %q has another default value.", a.Name)
		}
	}
	for _, argument := range own.Arguments {
		if !slices.ContainsFunc(d.arguments, func(a ArgumentSpec) bool { return a.Name == argument.Name }) {
			invalid(&argument.Node, "there is no argument %q.", argument.Name)
		}
	}
	if own.Repeatable && !d.repeatable {
		invalid(&own.Node, "it is not repeatable.")
	}
	for _, l := range own.Locations {
		if !slices.Contains(d.locations, l) {
			invalid(&own.Node, "its locations are %s; %s is not one of them.", strings.Join(d.locations, ", "), l)
			break
		}
	}
}

// redefines reports whether a definition may use another type in the place of a
// custom scalar.
func (b *builder) redefines(expected, actual *schema.Ref) bool {
	if expected.NonNull != actual.NonNull || expected.IsList() != actual.IsList() {
		return false
	}
	if expected.IsList() {
		return expected.Of.Same(actual.Of) || b.redefines(expected.Of, actual.Of)
	}
	custom := func(name string) bool {
		t := b.schema.Type(name)
		return t != nil && t.Kind == schema.Scalar && !schema.BuiltIn(name)
	}
	return expected.Name == actual.Name || custom(expected.Name) && !custom(actual.Name)
}

// Define adds the elements of a specification to a supergraph that links it.
func Define(s *schema.Schema, spec *Spec, f *Feature) {
	(&builder{schema: s}).define(spec.types, spec.directives, f)
}

// DefineLink adds the elements of the link specification.
func DefineLink(s *schema.Schema) {
	(&builder{schema: s}).define(linkTypes, []*DirectiveSpec{linkDirective}, &Feature{URL: specURL("link", 1, 0), Alias: "link"})
}
