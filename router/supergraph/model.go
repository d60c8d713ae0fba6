package supergraph

import (
	"crypto/sha256"
	"slices"

	"souk/router/operation"
)

// A Model is a parsed supergraph.
type Model struct {
	// Subgraphs are the subgraphs in the order of their names, so that nothing depends on
	// their order in the supergraph.
	Subgraphs []*Subgraph
	// Query, Mutation and Subscription are the root types, or nil if the
	// supergraph has none.
	Query, Mutation, Subscription *Type
	// APISchema is the SDL of the schema that clients see: without the
	// definitions of join, link and other features and without @inaccessible
	// elements.
	APISchema string
	// Labels are the labels of progressive overrides, sorted.
	Labels []Label
	// Unserved is what the router cannot serve.
	Unserved []Unserved
	// InterfaceObjects are the names of the types that subgraphs define with @interfaceObject, sorted.
	InterfaceObjects []string

	types  map[string]*Type
	sorted []*Type // by name
	// frame is a digest of everything in the SDL but types, and version the minor version of the join
	// specification. A model that was not read from parts of an SDL has no frame.
	frame   *[sha256.Size]byte
	version int
}

// Type returns the named type, or nil.
func (m *Model) Type(name string) *Type { return m.types[name] }

// Types returns all types, sorted by name.
func (m *Model) Types() []*Type { return slices.Clone(m.sorted) }

// Subgraph returns the named subgraph, or nil.
func (m *Model) Subgraph(name string) *Subgraph {
	for _, g := range m.Subgraphs {
		if g.Name == name {
			return g
		}
	}
	return nil
}

// Root returns the root type of a kind of operation, or nil.
func (m *Model) Root(k operation.Kind) *Type {
	return [...]*Type{operation.Query: m.Query, operation.Mutation: m.Mutation, operation.Subscription: m.Subscription}[k]
}

// A Subgraph is one of the services that the supergraph is composed of.
type Subgraph struct {
	// Index is the index in Model.Subgraphs.
	Index int
	Name  string
	// URL is the routing URL. It may be empty.
	URL string
	// EventsOnly is set if the subgraph has no fields but event streams and what their
	// events hold. The router sends it no requests.
	EventsOnly bool
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
	// In are the subgraphs that define the type, in the order of Model.Subgraphs.
	// It is empty for built-in scalars.
	In []*TypeIn
	// Fields are in the order of the SDL.
	Fields []*Field
	// Interfaces are the interfaces it implements in any subgraph, sorted.
	Interfaces []*Type
	// Possible are the possible object types of a composite type in any
	// subgraph, sorted. For an object type, it is the type itself.
	Possible []*Type
	// EnumValues are the values of an enum, in the order of the SDL.
	EnumValues   []*EnumValue
	Inaccessible bool
	*annotations

	// fields has the fields by name if there are many.
	fields map[string]*Field
	// implements are the interfaces that it implements, with the subgraph.
	implements []implementation
	// text is the definition in the SDL if the next model may share it, or "", and api that in the
	// API schema.
	text, api string
	// taken is set if it is a copy of a type of the former model.
	taken bool
}

// Composite reports whether fields of the type need a selection set.
func (t *Type) Composite() bool { return t.Kind == Object || t.Abstract() }

// Abstract reports whether the type is an interface or a union.
func (t *Type) Abstract() bool { return t.Kind == Interface || t.Kind == Union }

// Entity reports whether the type has a key in a subgraph.
func (t *Type) Entity() bool {
	return slices.ContainsFunc(t.In, func(in *TypeIn) bool { return len(in.Keys) > 0 })
}

// scanned is up to how many fields of a type are searched one by one. Most types have few, and a map
// would take more memory than all else that they have.
const scanned = 16

// scannedSubgraphs is up to how many subgraphs of a type or field are searched one by one.
const scannedSubgraphs = 8

// Field returns the named field, or nil.
func (t *Type) Field(name string) *Field {
	if t.fields != nil {
		return t.fields[name]
	}
	for _, f := range t.Fields {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// index prepares Field after fields have been added.
func (t *Type) index() {
	if len(t.Fields) <= scanned || len(t.fields) == len(t.Fields) {
		return
	}
	t.fields = make(map[string]*Field, len(t.Fields))
	for _, f := range t.Fields {
		t.fields[f.Name] = f
	}
}

// InSubgraph returns the type's definition in a subgraph, or nil.
func (t *Type) InSubgraph(g *Subgraph) *TypeIn {
	if len(t.In) <= scannedSubgraphs {
		for _, in := range t.In {
			if in.Subgraph.Index == g.Index {
				return in
			}
		}
		return nil
	}
	i, ok := slices.BinarySearchFunc(t.In, g, func(in *TypeIn, g *Subgraph) int { return in.Subgraph.Index - g.Index })
	if !ok {
		return nil
	}
	return t.In[i]
}

// Is reports whether every object of the type is also an object of other.
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

// A TypeIn is the definition of a type in one subgraph.
type TypeIn struct {
	Subgraph *Subgraph
	// Keys are the type's @key directives in the subgraph.
	Keys []*Key
	// InterfaceObject is set if the subgraph defines this interface as an
	// object type (@interfaceObject).
	InterfaceObject bool
	// Possible are the possible object types of a composite type in the
	// subgraph itself, sorted. For an @interfaceObject they are the possible
	// types of the interface in any subgraph.
	Possible []*Type
}

// A Key is one @key of a type in a subgraph.
type Key struct {
	Fields *FieldSet
	// Resolvable is set if the subgraph resolves entities by this key.
	Resolvable bool
}

// A Field is a field of an object, interface or input object type.
type Field struct {
	Parent *Type
	Name   string
	// Type is the type in the supergraph, such as "[Product!]!".
	Type string
	// Named is the named type inside Type.
	Named     *Type
	Arguments []*Argument
	// In are the subgraphs that define the field, in the order of Model.Subgraphs.
	// It is empty for a field that an object type has only through an
	// @interfaceObject. Fields share equal definitions.
	In           []*FieldIn
	Inaccessible bool
	*fieldAnnotations
}

// InSubgraph returns the field's definition in a subgraph, or nil.
func (f *Field) InSubgraph(g *Subgraph) *FieldIn {
	if len(f.In) <= scannedSubgraphs {
		for _, in := range f.In {
			if in.Subgraph.Index == g.Index {
				return in
			}
		}
		return nil
	}
	i, ok := slices.BinarySearchFunc(f.In, g, func(in *FieldIn, g *Subgraph) int { return in.Subgraph.Index - g.Index })
	if !ok {
		return nil
	}
	return f.In[i]
}

// A FieldIn is the definition of a field in one subgraph.
type FieldIn struct {
	Subgraph *Subgraph
	// Type is the type in the subgraph.
	Type string
	// Named is the named type inside Type.
	Named *Type
	// Requires are the fields of the parent object that the subgraph needs as
	// input to resolve the field (@requires), or nil.
	Requires *FieldSet
	// Provides are the fields below this field that the subgraph resolves only
	// here (@provides), or nil.
	Provides *FieldSet
	// External is set if the subgraph declares the field without resolving it.
	External bool
	// Override is set if this subgraph takes the field over from another one,
	// Overridden if another subgraph takes it over from this one.
	Override, Overridden *Override
	// Contexts are the arguments whose values come from enclosing objects.
	Contexts []*ContextArgument
}

// Resolves reports whether the subgraph resolves the field. The function on
// reports whether a label of a progressive override is active.
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
	From, To *Subgraph
	// Label decides for each request whether the override applies. An override
	// without a label always applies.
	Label string
}

// A Label is the label of a progressive override.
type Label struct {
	Name string
	// Percent is x for a label percent(x), from 0 to 100, and -1 for other
	// labels, which are activated by name.
	Percent float64
}

// An Argument is an argument of a field.
type Argument struct {
	Name string
	// Type is the type in GraphQL syntax, and Named the named type in it.
	Type         string
	Named        *Type
	Inaccessible bool
	// Default is the default value in GraphQL syntax, or "".
	Default string
	// Cost is the weight of @cost, or nil.
	Cost *int
}

// An EnumValue is a value of an enum.
type EnumValue struct {
	Name         string
	Inaccessible bool
	// In are the subgraphs that define the value. It is nil if all subgraphs
	// that define the enum also define the value.
	In []*Subgraph
}

// Authorization is what a caller needs to read a type or a field.
type Authorization struct {
	// Authenticated requires an authenticated caller (@authenticated).
	Authenticated bool
	// Scopes are alternatives; the caller needs all scopes of one alternative
	// (@requiresScopes).
	Scopes [][]string
	// Policies are alternatives; all policies of one alternative must pass
	// (@policy).
	Policies [][]string
}

// annotations are what directives say of a type or a field. Most have none, and share unannotated
// or unannotatedField.
type annotations struct {
	Authorization
	// Cost is the weight of @cost, or nil.
	Cost *int
	// Directives are the applied directives that have no meaning in Federation,
	// such as @cacheControl.
	Directives []Directive
	// Tags are the names of its @tag directives, in the order of the SDL.
	Tags []string
}

type fieldAnnotations struct {
	annotations
	// ListSize is the field's @listSize, or nil.
	ListSize *ListSize
	// Events is the event stream that feeds the field, or nil.
	Events *EventStream
	// Idempotent is the field's @idempotent, or nil.
	Idempotent *Idempotent
}

var (
	unannotated      = &annotations{}
	unannotatedField = &fieldAnnotations{}
)

// annotated returns what directives say of a field, to be changed.
func (f *Field) annotated() *fieldAnnotations {
	if f.fieldAnnotations == unannotatedField {
		f.fieldAnnotations = &fieldAnnotations{}
	}
	return f.fieldAnnotations
}

// ListSize is the expected length of a field's list (@listSize).
type ListSize struct {
	// AssumedSize is the length if no slicing argument is given, or nil.
	AssumedSize *int
	// SlicingArguments are the arguments whose value is the length. A name may
	// be a path into an input object.
	SlicingArguments []string
	// SizedFields are the subfields that the size applies to. If empty, it
	// applies to the field itself.
	SizedFields []string
	// RequireOneSlicingArgument requires operations to give exactly one of
	// SlicingArguments.
	RequireOneSlicingArgument bool
}

// A Directive is a directive applied to a type or field.
type Directive struct {
	Name string
	// Original is the name in the specification that the supergraph links to, before imports
	// rename it or give it a prefix. Without a specification, it is Name.
	Original string
	// Arguments have their values in GraphQL syntax, as in an operation.
	Arguments []operation.Argument
	// Subgraphs are the subgraphs it comes from, or nil if that is unknown.
	Subgraphs []*Subgraph
}

// Argument returns the value of an argument in GraphQL syntax, or "".
func (d Directive) Argument(name string) string {
	for _, a := range d.Arguments {
		if a.Name == name {
			return a.Value
		}
	}
	return ""
}

// A FieldSet is a selection set, as used in @key, @requires and @provides.
type FieldSet struct {
	// Text is the text in the supergraph.
	Text string
	// Selections are *operation.Field and *operation.InlineFragment; no field
	// has an alias. The __typename of the entity itself is omitted, because
	// every representation has it: @key(fields: "__typename") has no selections.
	Selections []operation.Selection
}
