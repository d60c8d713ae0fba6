package plan

import "souk/router/operation"

// A Plan says how an operation is answered: which requests go to which
// subgraphs, where their answers are stored, and how the client's answer is
// written from what is stored. It is pure data, the same for every request
// with the same operation, and is never changed once made.
//
// Answers are stored in one tree of objects. A field of an object stands
// under its storage key, which is the client's response key, or an internal
// name for what only keys and requirements need. "__typename" is the storage
// key of an object's type name in every object, and of nothing else.
type Plan struct {
	Kind operation.Kind
	// RootType is the name of the operation's root type.
	RootType string
	// Steps in an order in which each comes after those it depends on.
	Steps []*Step
	// Projection is the client's selection on the root type.
	Projection []*Field
	// Deferred are the parts of the answer that are delivered later.
	Deferred []*Deferred `json:",omitempty"`
	// PossibleTypes gives, for each composite type named in the projection,
	// the object types a client may see there, sorted.
	PossibleTypes map[string][]string
	// EnumValues gives, for each enum named in the projection, the values a
	// client may see.
	EnumValues map[string][]string `json:",omitempty"`
	// InterfaceObjects are type names that a subgraph may give as __typename
	// for an @interfaceObject: an object's real type is never overwritten by
	// one of these.
	InterfaceObjects []string `json:",omitempty"`
}

// StepKind says what a step does.
type StepKind string

// The kinds of steps.
const (
	// Fetch sends an operation whose answer's data is merged at Path.
	Fetch StepKind = "fetch"
	// Entities sends an operation whose _entities fields are given
	// representations built from what is stored, and merges each entity into
	// the objects its representation was built from.
	Entities StepKind = "entities"
	// Subscribe opens a stream; the other steps run for each of its events.
	Subscribe StepKind = "subscribe"
)

// A Step is one request to one subgraph.
type Step struct {
	// ID is the step's place in Plan.Steps, from 0.
	ID       int
	Kind     StepKind
	Subgraph string
	// OperationKind is the kind of operation sent: Query for Entities.
	OperationKind operation.Kind
	// After are the IDs of the steps that must have ended before.
	After []int `json:",omitempty"`
	// Query is the operation's text.
	Query string
	// Variables are the client's variables that Query uses.
	Variables []operation.VariableDefinition `json:",omitempty"`
	// Path is where a Fetch's data is merged; empty for the root.
	Path []Segment `json:",omitempty"`
	// Shape is what a Fetch's or Subscribe's data holds.
	Shape []*ShapeField `json:",omitempty"`
	// Entities are the _entities fields of Query, at least one for Entities.
	Entities []*EntityFetch `json:",omitempty"`
	// Rest, unless nil, is the ID of a step before. That one asks for several
	// things together that need different values to be sent; this one asks,
	// for the objects that lacked a value there, for what can be had without.
	// It concerns no others, so that mostly there is nothing to send.
	Rest *int `json:",omitempty"`
	// Defer is the ID of the deferred part this step serves, or 0.
	Defer int `json:",omitempty"`
}

// An EntityFetch is one _entities field of a step's query.
type EntityFetch struct {
	// Alias is the field's response key: "_entities", or "_e0" and so on
	// where a query has several.
	Alias string
	// Variable is the name of the variable for the representations.
	Variable string
	// Targets are the objects to build representations from and to merge
	// entities into. Equal representations are sent once.
	Targets []Target
	// Shape is what each entity holds.
	Shape []*ShapeField
	// Arguments are further variables of the query, whose values are found
	// above each object. Those that have different values cannot be asked for
	// together: the field is sent once for all that have the same, with an
	// alias and variables of its own. A fetch with arguments has one target.
	Arguments []ContextArgument `json:",omitempty"`
}

// A ContextArgument is a variable with a value from an object on the way to
// those that an entity fetch is for (@fromContext).
type ContextArgument struct {
	// Variable is the variable's name, Type its type: "String!".
	Variable, Type string
	// Sources are tried in order; the first whose object is of the right type
	// has the value.
	Sources []ContextSource
}

// A ContextSource is an object that may have the value of a ContextArgument.
type ContextSource struct {
	// Depth says how many segments of the target's path lead to it.
	Depth int
	// On, unless nil, are the types it must be of.
	On []string `json:",omitempty"`
	// Fields lead to the value: of several, those for the object's type do.
	Fields []RepresentationField
}

// A Target is a set of stored objects.
type Target struct {
	Path []Segment
	// Representations are tried in order for each object; the first whose On
	// has the object's type and whose fields are all there is used. An
	// object that none fits is left as it is.
	Representations []Representation
}

// A Segment leads from an object to the objects stored in one of its fields.
// Lists, however deep, are entered element by element; nulls lead nowhere.
type Segment struct {
	// Key is the field's storage key.
	Key string
	// Types, unless nil, are the types of the objects to go on with.
	Types []string `json:",omitempty"`
}

// A Representation says how an entity's representation (Federation subgraph
// specification, _Any) is built from a stored object.
type Representation struct {
	// On, unless nil, are the object types it is for.
	On []string `json:",omitempty"`
	// Typename is the __typename sent.
	Typename string
	Fields   []RepresentationField
}

// A RepresentationField is one field of a representation.
type RepresentationField struct {
	// Name is the field's name in the representation.
	Name string
	// Key is the storage key the value is taken from; "__typename" for the name
	// of the object's type.
	Key string
	// On, unless nil, are the types of the object for which the field is sent.
	On []string `json:",omitempty"`
	// Kind is the kind of a leaf's type, empty if any value is sent as it is.
	Kind TypeKind `json:",omitempty"`
	// Fields are the parts of a composite value, nil for a leaf.
	Fields []RepresentationField `json:",omitempty"`
}

// A ShapeField says where a field of a subgraph's answer is stored. The
// fields of all fragments of a selection set are in one list, in the order
// they are asked for; no two have the same Wire.
type ShapeField struct {
	// Wire is the name in the answer's JSON.
	Wire string
	// Key is the storage key.
	Key string
	// Fields are the parts of a composite value, nil for a leaf.
	Fields []*ShapeField `json:",omitempty"`
}

// FieldSource says where the value of a field of the projection comes from.
type FieldSource string

// The sources of fields.
const (
	// Stored is the value under Key.
	Stored FieldSource = ""
	// Typename is the name of the object's type.
	Typename FieldSource = "typename"
	// Introspection is a __schema or __type field, answered by the gateway.
	Introspection FieldSource = "introspection"
	// Denied is null, with an error.
	Denied FieldSource = "denied"
)

// A Field is one entry of the client's answer. The fields of a selection set
// are in the order of the spec's CollectFields, flattened: those of fragments
// stand among the others, with their type condition in On. Two may have the
// same Name only if no object type is in both of their On.
type Field struct {
	// Name is the response key.
	Name string
	// Key is the storage key.
	Key    string      `json:",omitempty"`
	Source FieldSource `json:",omitempty"`
	// On, unless nil, are the object types the field is selected on.
	On []string `json:",omitempty"`
	// Type as the API schema declares it: "[Product!]!".
	Type string
	// Kind is the kind of the named type inside Type.
	Kind TypeKind
	// Fields is the selection set of a composite type.
	Fields []*Field `json:",omitempty"`
	// Selection is the operation's field, for Introspection and Denied.
	Selection *operation.Field `json:"-"`
	// Defer is the ID of the deferred part the field belongs to, or 0.
	Defer int `json:",omitempty"`
	// Also are the IDs of the other deferred parts whose fragments select the
	// field, ascending.
	Also []int `json:",omitempty"`
}

// TypeKind is the kind of a named type, the built-in scalars told apart.
type TypeKind string

// The kinds of types.
const (
	Int       TypeKind = "Int"
	Float     TypeKind = "Float"
	String    TypeKind = "String"
	Boolean   TypeKind = "Boolean"
	ID        TypeKind = "ID"
	Scalar    TypeKind = "scalar" // any other scalar
	Enum      TypeKind = "enum"
	Object    TypeKind = "object"
	Interface TypeKind = "interface"
	Union     TypeKind = "union"
)

// A Deferred is a part of the answer that is delivered when its steps and
// those of its parents have ended (the incremental delivery of @defer).
type Deferred struct {
	// ID counts from 1.
	ID int
	// Parent is the ID of the deferred part this one is nested in, or 0.
	Parent int
	Label  string
	// Path leads, by response keys, to the objects the fragment stands on.
	Path []string
}
