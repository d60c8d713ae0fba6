package supergraph

import (
	"slices"
	"strings"

	"souk/router/operation"
)

// A Model is a supergraph.
type Model struct {
	// Graphs are the subgraphs in the order of join__Graph.
	Graphs []*Graph
	// Query, Mutation and Subscription are the root types; nil where the
	// supergraph has none.
	Query, Mutation, Subscription *Type
	// APISchema is the SDL of what clients see: nothing of join, link and
	// other features, nothing @inaccessible.
	APISchema string
	// Labels are the labels of progressive overrides, sorted.
	Labels []Label

	types map[string]*Type
}

// Type finds a type by name; nil when there is none.
func (m *Model) Type(name string) *Type { return m.types[name] }

// Types gives all types, sorted by name.
func (m *Model) Types() []*Type {
	types := make([]*Type, 0, len(m.types))
	for _, t := range m.types {
		types = append(types, t)
	}
	slices.SortFunc(types, func(a, b *Type) int { return strings.Compare(a.Name, b.Name) })
	return types
}

// Graph finds a subgraph by name; nil when there is none.
func (m *Model) Graph(name string) *Graph {
	for _, g := range m.Graphs {
		if g.Name == name {
			return g
		}
	}
	return nil
}

// Root gives the root type of a kind of operation, or nil.
func (m *Model) Root(k operation.Kind) *Type {
	return [...]*Type{operation.Query: m.Query, operation.Mutation: m.Mutation, operation.Subscription: m.Subscription}[k]
}

// A Graph is a subgraph.
type Graph struct {
	// Index is its place in Model.Graphs.
	Index int
	Name  string
	// URL may be empty.
	URL string
}

// Kind is the kind of a type.
type Kind uint8

// The kinds of types (GraphQL, section 3.4).
const (
	Scalar Kind = iota
	Enum
	Object
	Interface
	Union
	InputObject
)

// A Type is a type of the supergraph.
type Type struct {
	Name string
	Kind Kind
	// In are the subgraphs that know the type, in their order; none for the
	// built-in scalars.
	In []*TypeIn
	// Fields in the order of the SDL.
	Fields []*Field
	// Interfaces are those it implements in any subgraph, sorted.
	Interfaces []*Type
	// Possible are the object types of a composite type (of an object type:
	// itself) in any subgraph, sorted.
	Possible []*Type
	// EnumValues of an enum, in the order of the SDL.
	EnumValues   []*EnumValue
	Inaccessible bool
	Authorization
	// Cost is @cost's weight, or nil.
	Cost *int
	// Directives are those applied that mean nothing to federation, such as
	// @cacheControl.
	Directives []Directive

	fields map[string]*Field
}

// Composite says whether a selection on the type needs a selection set.
func (t *Type) Composite() bool { return t.Kind == Object || t.Abstract() }

// Abstract says whether the type is an interface or a union.
func (t *Type) Abstract() bool { return t.Kind == Interface || t.Kind == Union }

// Field finds a field by name; nil when there is none.
func (t *Type) Field(name string) *Field { return t.fields[name] }

// InGraph finds what a subgraph knows of the type; nil when it does not.
func (t *Type) InGraph(g *Graph) *TypeIn {
	i, ok := slices.BinarySearchFunc(t.In, g, func(in *TypeIn, g *Graph) int { return in.Graph.Index - g.Index })
	if !ok {
		return nil
	}
	return t.In[i]
}

// Is says whether each object of the type is one of the other.
func (t *Type) Is(other *Type) bool {
	if t == other {
		return true
	}
	if t.Kind == Union {
		return false
	}
	if other.Kind == Union {
		return slices.Contains(other.Possible, t)
	}
	return slices.Contains(t.Interfaces, other)
}

// A TypeIn is a type as one subgraph knows it.
type TypeIn struct {
	Graph *Graph
	// Keys by which its objects are told apart there.
	Keys []*Key
	// InterfaceObject says that the subgraph knows this interface as an
	// object type (@interfaceObject).
	InterfaceObject bool
	// Possible are the object types that the subgraph itself knows as
	// objects of a composite type, sorted. For an @interfaceObject they are
	// those of the interface anywhere.
	Possible []*Type
}

// A Key is one @key of a type in a subgraph.
type Key struct {
	Fields *FieldSet
	// Resolvable says that the subgraph finds entities by it.
	Resolvable bool
}

// A Field is a field of a type, an input object's included.
type Field struct {
	Parent *Type
	Name   string
	// Type as the supergraph declares it: "[Product!]!".
	Type string
	// Named is the named type inside Type.
	Named     *Type
	Arguments []*Argument
	// In are the subgraphs that have the field, in their order. A field that
	// an @interfaceObject lends to an object type is in none of them.
	In           []*FieldIn
	Inaccessible bool
	Authorization
	// Cost is @cost's weight, or nil.
	Cost *int
	// ListSize is @listSize, or nil.
	ListSize *ListSize
	// Directives are those applied that mean nothing to federation.
	Directives []Directive
}

// InGraph finds what a subgraph knows of the field; nil when it does not.
func (f *Field) InGraph(g *Graph) *FieldIn {
	i, ok := slices.BinarySearchFunc(f.In, g, func(in *FieldIn, g *Graph) int { return in.Graph.Index - g.Index })
	if !ok {
		return nil
	}
	return f.In[i]
}

// A FieldIn is a field as one subgraph knows it.
type FieldIn struct {
	Graph *Graph
	// Type as the subgraph declares it.
	Type string
	// Named is the named type inside Type.
	Named *Type
	// Requires is what the subgraph must be told of the object to resolve
	// the field; nil for nothing.
	Requires *FieldSet
	// Provides is what the subgraph can resolve below this field although it
	// cannot elsewhere; nil for nothing.
	Provides *FieldSet
	// External says that the subgraph names the field but does not resolve it.
	External bool
	// Override is set where this subgraph takes the field over from another,
	// Overridden where another takes it over from this one.
	Override, Overridden *Override
	// Contexts are the arguments filled in from objects further up.
	Contexts []*ContextArgument
}

// Resolves says whether the subgraph resolves the field, given which labels
// of progressive overrides are on.
func (f *FieldIn) Resolves(on func(label string) bool) bool {
	switch {
	case f.External && f.Requires == nil:
		return false
	case f.Overridden != nil && (f.Overridden.Label == "" || on(f.Overridden.Label)):
		return false
	case f.Override != nil && f.Override.Label != "" && !on(f.Override.Label):
		return false
	}
	return true
}

// An Override moves a field from one subgraph to another (@override).
type Override struct {
	From, To *Graph
	// Label, unless empty, decides for each request whether it does.
	Label string
}

// A Label is a label of progressive overrides.
type Label struct {
	Name string
	// Percent is x for a label percent(x), and -1 for others, which are
	// turned on by name.
	Percent float64
}

// An Argument is an argument of a field.
type Argument struct {
	Name string
	// Type in GraphQL's syntax; Named is the named type inside.
	Type         string
	Named        *Type
	Inaccessible bool
	// Cost is @cost's weight, or nil.
	Cost *int
}

// An EnumValue is a value of an enum.
type EnumValue struct {
	Name         string
	Inaccessible bool
	// In are the subgraphs that know the value; nil when all that know the
	// enum do.
	In []*Graph
}

// Authorization is what callers need to have a type or a field.
type Authorization struct {
	// Authenticated says that only known callers may (@authenticated).
	Authenticated bool
	// Scopes are alternatives, of each of which all are needed
	// (@requiresScopes).
	Scopes [][]string
	// Policies are alternatives, of each of which all must pass (@policy).
	Policies [][]string
}

// ListSize is what @listSize tells of the length of a field's list.
type ListSize struct {
	// AssumedSize is the length when nothing else tells it, or nil.
	AssumedSize *int
	// SlicingArguments are the arguments, perhaps with a path inside, that
	// tell it.
	SlicingArguments []string
	// SizedFields are the fields below that the size is meant for; none for
	// the field itself.
	SizedFields []string
	// RequireOneSlicingArgument says that an operation must give exactly one.
	RequireOneSlicingArgument bool
}

// A Directive is a directive applied to a type or field.
type Directive struct {
	Name string
	// Arguments in GraphQL's syntax, as in an operation.
	Arguments []operation.Argument
	// Graphs are the subgraphs it comes from; nil when that is not told.
	Graphs []*Graph
}

// Argument gives an argument's value in GraphQL's syntax, or "".
func (d Directive) Argument(name string) string {
	for _, a := range d.Arguments {
		if a.Name == name {
			return a.Value
		}
	}
	return ""
}

// A FieldSet is a selection set as in @key, @requires and @provides.
type FieldSet struct {
	// Text as it stands in the supergraph.
	Text string
	// Selections are operation.Field and operation.InlineFragment; no field
	// has an alias. The __typename of the entity itself is left out, since
	// every representation has it: @key(fields: "__typename") has none.
	Selections []operation.Selection
}
