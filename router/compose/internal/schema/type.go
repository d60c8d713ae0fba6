package schema

import "slices"

// A role says which kind of element a Node belongs to.
type role uint8

const (
	roleSchema role = iota
	roleType
	roleField
	roleValue
	roleArgument
	roleDirective
)

// A Node is what all elements of a schema have.
type Node struct {
	Name        string
	Description string
	Described   bool // Description is given, perhaps empty
	Applied     []*Directive
	Position    Position
	Owner       *Node // nil for types and directives

	role role
}

// Base returns the node itself; elements inherit it.
func (n *Node) Base() *Node { return n }

// Coordinate returns the schema coordinate, such as T.f(a:).
func (n *Node) Coordinate() string {
	switch n.role {
	case roleSchema:
		return "schema"
	case roleDirective:
		return "@" + n.Name
	case roleArgument:
		return n.Owner.Coordinate() + "(" + n.Name + ":)"
	case roleType:
		return n.Name
	}
	return n.Owner.Name + "." + n.Name
}

// IsSchema reports whether the node is the definition of the schema itself.
func (n *Node) IsSchema() bool { return n.role == roleSchema }

// Of returns the applications of a directive.
func (n *Node) Of(directive string) []*Directive {
	var all []*Directive
	for _, d := range n.Applied {
		if d.Name == directive {
			all = append(all, d)
		}
	}
	return all
}

// Has reports whether a directive is applied.
func (n *Node) Has(directive string) bool { return n.First(directive) != nil }

// First returns the first application of a directive, or nil.
func (n *Node) First(directive string) *Directive {
	for _, d := range n.Applied {
		if d.Name == directive {
			return d
		}
	}
	return nil
}

// Apply adds an application of a directive.
func (n *Node) Apply(d *Directive) { n.Applied = append(n.Applied, d) }

// Remove removes an application of a directive.
func (n *Node) Remove(d *Directive) {
	n.Applied = slices.DeleteFunc(slices.Clone(n.Applied), func(other *Directive) bool { return other == d })
}

// A Kind is a kind of type.
type Kind uint8

// The kinds of types.
const (
	Scalar Kind = iota
	Object
	Interface
	Union
	Enum
	Input
)

func (k Kind) String() string {
	return [...]string{"Scalar Type", "Object Type", "Interface Type", "Union Type", "Enum Type", "InputObject Type"}[k]
}

// A Type is a named type.
type Type struct {
	Node
	Kind       Kind
	Defined    bool         // it has a definition and not only extensions
	Fields     []*Field     // of objects, interfaces and input objects
	Interfaces []*Reference // that an object or interface implements
	Members    []*Reference // of a union
	Values     []*EnumValue
	Extensions []*Extension

	fields map[string]*Field     // built when there are many
	values map[string]*EnumValue // built when there are many
	spare  []Field               // room for fields to add
}

// An Extension is an `extend` of a type.
type Extension struct{ Position Position }

// A Reference names an interface or a member of a union.
type Reference struct {
	Name      string
	Extension *Extension
	Position  Position
}

// A Field is a field of an object, an interface or an input object, or an argument.
type Field struct {
	Node
	Type      *Ref
	Arguments []*Field
	Default   *Value // of input fields and arguments; nil if there is none
	Extension *Extension
	Parent    *Type // nil for arguments
}

// An EnumValue is a value of an enum.
type EnumValue struct {
	Node
	Extension *Extension
}

// Composite reports whether the type has subfields.
func (t *Type) Composite() bool { return t.Kind == Object || t.Kind == Interface || t.Kind == Union }

// Abstract reports whether the type is an interface or a union.
func (t *Type) Abstract() bool { return t.Kind == Interface || t.Kind == Union }

// IsOutput reports whether a field may have the type.
func (t *Type) IsOutput() bool { return t.Kind != Input }

// IsInput reports whether an argument may have the type.
func (t *Type) IsInput() bool { return t.Kind == Scalar || t.Kind == Enum || t.Kind == Input }

// many is the number of fields or values from which they are found by an index.
const many = 12

// Field returns the field, or nil.
func (t *Type) Field(name string) *Field {
	if t.fields != nil {
		return t.fields[name]
	}
	return find(t.Fields, name)
}

// GrowFields makes room for n more fields.
func (t *Type) GrowFields(n int) {
	t.spare, t.Fields = make([]Field, n), slices.Grow(t.Fields, n)
}

// AddField adds a field.
func (t *Type) AddField(name string) *Field {
	if len(t.spare) == 0 {
		t.spare = make([]Field, 1)
	}
	f := &t.spare[0]
	t.spare = t.spare[1:]
	f.Parent, f.Name, f.role, f.Owner = t, name, roleField, &t.Node
	t.Fields = append(t.Fields, f)
	if t.fields != nil {
		t.fields[name] = f
	} else if len(t.Fields) > many {
		t.fields = map[string]*Field{}
		for _, each := range t.Fields {
			t.fields[each.Name] = each
		}
	}
	return f
}

// RemoveField removes a field.
func (t *Type) RemoveField(f *Field) {
	t.Fields = slices.DeleteFunc(slices.Clone(t.Fields), func(other *Field) bool { return other == f })
	if t.fields != nil {
		delete(t.fields, f.Name)
	}
}

// Value returns the value of an enum, or nil.
func (t *Type) Value(name string) *EnumValue {
	if t.values != nil {
		return t.values[name]
	}
	for _, v := range t.Values {
		if v.Name == name {
			return v
		}
	}
	return nil
}

// AddValue adds a value to an enum.
func (t *Type) AddValue(name string) *EnumValue {
	v := &EnumValue{}
	v.Name, v.role, v.Owner = name, roleValue, &t.Node
	t.Values = append(t.Values, v)
	if t.values != nil {
		t.values[name] = v
	} else if len(t.Values) > many {
		t.values = map[string]*EnumValue{}
		for _, each := range t.Values {
			t.values[each.Name] = each
		}
	}
	return v
}

// RemoveValue removes a value of an enum.
func (t *Type) RemoveValue(v *EnumValue) {
	t.Values = slices.DeleteFunc(slices.Clone(t.Values), func(other *EnumValue) bool { return other == v })
	if t.values != nil {
		delete(t.values, v.Name)
	}
}

// Implements reports whether the type declares that it implements an interface.
func (t *Type) Implements(name string) bool { return named(t.Interfaces, name) }

// HasMember reports whether a union has a member.
func (t *Type) HasMember(name string) bool { return named(t.Members, name) }

func named(list []*Reference, name string) bool {
	return slices.ContainsFunc(list, func(r *Reference) bool { return r.Name == name })
}

// HasDefinition reports whether any part of the type is not an extension.
func (t *Type) HasDefinition() bool {
	return t.Defined ||
		slices.ContainsFunc(t.Applied, func(d *Directive) bool { return d.Extension == nil }) ||
		slices.ContainsFunc(t.Fields, func(f *Field) bool { return f.Extension == nil }) ||
		slices.ContainsFunc(t.Interfaces, func(r *Reference) bool { return r.Extension == nil }) ||
		slices.ContainsFunc(t.Members, func(r *Reference) bool { return r.Extension == nil }) ||
		slices.ContainsFunc(t.Values, func(v *EnumValue) bool { return v.Extension == nil })
}

// Define makes extensions part of the definition.
func (t *Type) Define() {
	t.Extensions = nil
	for _, d := range t.Applied {
		d.Extension = nil
	}
	for _, f := range t.Fields {
		f.Extension = nil
	}
	for _, list := range [][]*Reference{t.Interfaces, t.Members} {
		for _, r := range list {
			r.Extension = nil
		}
	}
	for _, v := range t.Values {
		v.Extension = nil
	}
}

func (t *Type) renameReferences(old, name string) {
	for _, f := range t.Fields {
		f.Type = f.Type.renamed(old, name)
		for _, a := range f.Arguments {
			a.Type = a.Type.renamed(old, name)
		}
	}
	for _, list := range [][]*Reference{t.Interfaces, t.Members} {
		for _, r := range list {
			if r.Name == old {
				r.Name = name
			}
		}
	}
}

// Argument returns the argument of a field, or nil.
func (f *Field) Argument(name string) *Field { return find(f.Arguments, name) }

// AddArgument adds an argument to a field.
func (f *Field) AddArgument(name string) *Field {
	a := argument(name, &f.Node)
	f.Arguments = append(f.Arguments, a)
	return a
}

// RemoveArgument removes an argument of a field.
func (f *Field) RemoveArgument(a *Field) {
	f.Arguments = slices.DeleteFunc(slices.Clone(f.Arguments), func(other *Field) bool { return other == a })
}

// Required reports whether an input field or argument must be given.
func (f *Field) Required() bool { return f.Type.NonNull && f.Default == nil }

func argument(name string, owner *Node) *Field {
	a := &Field{}
	a.Name, a.role, a.Owner = name, roleArgument, owner
	return a
}

func find(list []*Field, name string) *Field {
	for _, f := range list {
		if f.Name == name {
			return f
		}
	}
	return nil
}
