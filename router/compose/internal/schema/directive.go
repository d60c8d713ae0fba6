package schema

import (
	"cmp"
	"slices"
)

// A Definition is the definition of a directive.
type Definition struct {
	Node
	Arguments  []*Field
	Repeatable bool
	Locations  []string
}

// Argument returns the argument of a directive, or nil.
func (d *Definition) Argument(name string) *Field { return find(d.Arguments, name) }

// argumentType returns the type of an argument, or nil if it is unknown.
func (d *Definition) argumentType(name string) *Ref {
	if d == nil {
		return nil
	}
	if a := d.Argument(name); a != nil {
		return a.Type
	}
	return nil
}

// AddArgument adds an argument to a directive.
func (d *Definition) AddArgument(name string) *Field {
	a := argument(name, &d.Node)
	d.Arguments = append(d.Arguments, a)
	return a
}

// RemoveArgument removes an argument of a directive.
func (d *Definition) RemoveArgument(a *Field) {
	d.Arguments = slices.DeleteFunc(slices.Clone(d.Arguments), func(other *Field) bool { return other == a })
}

// executable are the locations in operations.
var executable = []string{
	"QUERY", "MUTATION", "SUBSCRIPTION", "FIELD", "FRAGMENT_DEFINITION", "FRAGMENT_SPREAD", "INLINE_FRAGMENT", "VARIABLE_DEFINITION",
}

// Executable returns the locations of the directive in operations.
func (d *Definition) Executable() []string {
	var all []string
	for _, l := range d.Locations {
		if slices.Contains(executable, l) {
			all = append(all, l)
		}
	}
	return all
}

// A Directive is an application of a directive.
type Directive struct {
	Name      string
	Arguments []Argument
	Extension *Extension // of the type to which it is applied
	Position  Position
}

// An Argument is a name with a value.
type Argument struct {
	Name  string
	Value *Value // nil if it is not given
}

// Argument returns the value of an argument, or nil if it is not given.
func (d *Directive) Argument(name string) *Value {
	for _, a := range d.Arguments {
		if a.Name == name {
			return a.Value
		}
	}
	return nil
}

// Text returns the value of a string argument, or "".
func (d *Directive) Text(name string) string {
	if v := d.Argument(name); v.IsText() {
		return v.Raw
	}
	return ""
}

// With returns the arguments with their default values, in the order of the
// definition. An optional argument that is not given is null.
func (d *Directive) With(definition *Definition, types Types) []Argument {
	all := make([]Argument, 0, len(definition.Arguments))
	for _, a := range definition.Arguments {
		value := cmp.Or(d.Argument(a.Name), a.Default, Null)
		all = append(all, Argument{a.Name, value.complete(a.Type, types)})
	}
	return all
}

// SameArguments reports whether two lists of arguments give the same values.
func SameArguments(a, b []Argument) bool {
	if len(a) != len(b) {
		return false
	}
	for _, x := range a {
		i := slices.IndexFunc(b, func(y Argument) bool { return y.Name == x.Name })
		if i < 0 || !x.Value.Equal(b[i].Value) {
			return false
		}
	}
	return true
}

var builtInTypes = func() map[string]*Type {
	all := map[string]*Type{}
	for _, name := range []string{"Int", "Float", "String", "Boolean", "ID"} {
		t := &Type{Kind: Scalar, Defined: true}
		t.Name, t.role = name, roleType
		all[name] = t
	}
	return all
}()

// BuiltIn reports whether a type has the name of a built-in scalar.
func BuiltIn(name string) bool { return builtInTypes[name] != nil }

// BuiltInDirectives are the directives of the GraphQL specification that
// composition knows, with @defer and @stream.
var BuiltInDirectives = func() map[string]*Definition {
	all := map[string]*Definition{}
	add := func(name string, locations []string, arguments ...*Field) {
		d := &Definition{Locations: locations}
		d.Name, d.role = name, roleDirective
		for _, a := range arguments {
			a.Owner = &d.Node
		}
		d.Arguments = arguments
		all[name] = d
	}
	arg := func(name, typ string, def *Value) *Field {
		a := argument(name, nil)
		a.Type, a.Default = ParseRef(typ), def
		return a
	}
	add("include", []string{"FIELD", "FRAGMENT_SPREAD", "INLINE_FRAGMENT"}, arg("if", "Boolean!", nil))
	add("skip", []string{"FIELD", "FRAGMENT_SPREAD", "INLINE_FRAGMENT"}, arg("if", "Boolean!", nil))
	add("deprecated", []string{"FIELD_DEFINITION", "ENUM_VALUE", "ARGUMENT_DEFINITION", "INPUT_FIELD_DEFINITION"}, arg("reason", "String", Text("No longer supported")))
	add("specifiedBy", []string{"SCALAR"}, arg("url", "String!", nil))
	add("defer", []string{"FRAGMENT_SPREAD", "INLINE_FRAGMENT"}, arg("label", "String", nil), arg("if", "Boolean!", Bool(true)))
	add("stream", []string{"FIELD"}, arg("label", "String", nil), arg("initialCount", "Int", Number("0")), arg("if", "Boolean!", Bool(true)))
	return all
}()
