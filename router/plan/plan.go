package plan

import "souk/router/operation"

// A Plan describes how to answer an operation: which requests go to which
// subgraphs, where their responses are stored, and how the client's response
// is projected from what is stored. It is pure data, the same for every request
// with the same operation, and is never changed once made.
//
// Responses are stored in one tree of objects. Each field of an object has a
// storage key, which is the client's response key or, for a field that only
// keys and requirements need, an internal name. "__typename" is the storage key
// of an object's type name in every object, and of nothing else.
type Plan struct {
	Kind operation.Kind `json:"kind"`
	// RootType is the name of the operation's root type.
	RootType string `json:"rootType"`
	// Fetches are in an order in which each comes after those it depends on.
	Fetches []*Fetch `json:"fetches"`
	// Projection is the client's selection on the root type.
	Projection []*Field `json:"projection"`
	// Deferred are the payloads that are delivered after the initial response.
	Deferred []*DeferredPayload `json:"deferred,omitempty"`
	// PossibleTypes lists, for each composite type named in the projection, the
	// object types that a client may see there, sorted.
	PossibleTypes map[string][]string `json:"possibleTypes"`
	// EnumValues lists, for each enum named in the projection, the values that a
	// client may see.
	EnumValues map[string][]string `json:"enumValues,omitzero"`
	// InterfaceObjects are type names that a subgraph may give as __typename
	// for an @interfaceObject. They never overwrite an object's real type.
	InterfaceObjects []string `json:"interfaceObjects,omitzero"`
}

// FetchKind is the kind of a fetch.
type FetchKind string

// The kinds of fetches.
const (
	// RootFetch sends an operation whose data is merged at Path.
	RootFetch FetchKind = "fetch"
	// EntitiesFetch sends an operation with _entities fields, and merges each
	// entity into the objects that its representation was built from.
	EntitiesFetch FetchKind = "entityFetch"
	// SubscriptionFetch opens a stream; the other fetches run for each event.
	SubscriptionFetch FetchKind = "subscription"
)

// A Fetch is one request to one subgraph.
type Fetch struct {
	// ID is the index of the fetch in Plan.Fetches.
	ID       int       `json:"id"`
	Kind     FetchKind `json:"kind"`
	Subgraph string    `json:"subgraph"`
	// EventStream is set if a message broker feeds a SubscriptionFetch, in place of the
	// subgraph.
	EventStream bool `json:"eventStream,omitempty"`
	// OperationKind is the kind of operation sent: Query for an EntitiesFetch.
	OperationKind operation.Kind `json:"operationKind"`
	// DependsOn are the IDs of the fetches that must end before this one starts.
	DependsOn []int `json:"dependsOn,omitempty"`
	// OperationName is the name of the operation, or empty.
	OperationName string `json:"operationName,omitempty"`
	// Query is the operation as GraphQL text, printed from the other members by
	// [Fetch.GraphQL].
	Query string `json:"query"`
	// Variables are the client's variables that the operation uses.
	Variables []operation.VariableDefinition `json:"variables,omitempty"`
	// Path is where the data of a RootFetch is merged; empty for the root.
	Path []Segment `json:"path,omitempty"`
	// Selections is the selection set of a RootFetch or SubscriptionFetch.
	Selections Selections `json:"selections,omitzero"`
	// Entities are the _entities fields of an EntitiesFetch, at least one.
	Entities []*EntityFetch `json:"entities,omitempty"`
	// FallbackFor, unless nil, is the ID of the merged fetch that this one backs
	// up. The merged fetch requires the inputs of everything that was merged
	// into it. This one refetches, for entities that lacked an input, the fields
	// that do not need it. It usually has nothing to send.
	FallbackFor *int `json:"fallbackFor,omitempty"`
	// DeferID is the ID of the deferred payload that needs this fetch, or 0 for
	// the initial response.
	DeferID int `json:"deferID,omitempty"`
}

// An EntityFetch is one _entities field of a fetch.
type EntityFetch struct {
	// ResponseKey is "_entities", or "_e0" and so on where a fetch has several.
	ResponseKey string `json:"responseKey"`
	// Variable is the name of the variable for the representations.
	Variable string `json:"variable"`
	// Targets are the objects to build representations from and to merge
	// entities into. Equal representations are sent once.
	Targets []Target `json:"targets"`
	// Selections is the selection set on the entities: inline fragments.
	Selections Selections `json:"selections"`
	// Arguments are further variables of the operation, whose values are found
	// in the ancestors of each object. Objects with different values need an
	// _entities field each, with a response key and variables of its own. An
	// EntityFetch with arguments has one target.
	Arguments []ContextArgument `json:"arguments,omitempty"`
}

// A ContextArgument is a variable whose value comes from an ancestor of the
// objects that an entity fetch is for (@fromContext).
type ContextArgument struct {
	Variable string `json:"variable"`
	// Type of the variable: "String!".
	Type string `json:"type"`
	// Sources are tried in order; the first whose object is of the right type
	// has the value.
	Sources []ContextSource `json:"sources"`
}

// A ContextSource is an object that may have the value of a ContextArgument.
type ContextSource struct {
	// Depth is the number of segments of the target's path up to the object.
	Depth int `json:"depth"`
	// On, unless nil, are the types that the object must be of.
	On []string `json:"on,omitzero"`
	// Fields are the path to the value. Of several, the one for the object's type
	// applies.
	Fields []RepresentationField `json:"fields"`
}

// A Target is a set of stored objects.
type Target struct {
	Path []Segment `json:"path"`
	// Representations are tried in order for each object. The first whose On
	// has the object's type and whose fields are all stored is used. An object
	// that fits none is skipped.
	Representations []Representation `json:"representations"`
}

// A Segment is a step from an object to the objects stored in one of its fields.
// Lists are visited element by element, however deep; a null ends the path.
type Segment struct {
	StorageKey string `json:"storageKey"`
	// Types, unless nil, are the types of the objects to continue with.
	Types []string `json:"types,omitzero"`
}

// A Representation describes how an entity's representation (Federation
// subgraph specification, _Any) is built from a stored object.
type Representation struct {
	// On, unless nil, are the object types it is for.
	On []string `json:"on,omitzero"`
	// Typename is the __typename to send.
	Typename string                `json:"typename"`
	Fields   []RepresentationField `json:"fields"`
}

// A RepresentationField is one field of a representation.
type RepresentationField struct {
	// Name is the field's name in the representation.
	Name string `json:"name"`
	// StorageKey is where the value is taken from; "__typename" for the name of
	// the object's type.
	StorageKey string `json:"storageKey"`
	// On, unless nil, are the object types for which the field is sent.
	On []string `json:"on,omitzero"`
	// Kind is the kind of a leaf's type; empty if any value is sent unchanged.
	Kind TypeKind `json:"kind,omitempty"`
	// Type is the type of a composite field, with its list and non-null types. If it
	// is empty, a value that is no object and no list of objects is still an error,
	// but lists are not checked.
	Type string `json:"type,omitempty"`
	// Fields are the fields of a composite value; nil for a leaf.
	Fields []RepresentationField `json:"fields,omitzero"`
}

// FieldSource says where the value of a field of the projection comes from.
type FieldSource string

// The sources of fields.
const (
	// Stored is the value under StorageKey.
	Stored FieldSource = ""
	// Typename is the name of the object's type.
	Typename FieldSource = "typename"
	// Introspection is a __schema or __type field, answered by the gateway.
	Introspection FieldSource = "introspection"
	// Denied is null, with an error.
	Denied FieldSource = "denied"
)

// A Field is one entry of the client's response. The fields of a selection set
// are flattened and in the order of CollectFields (GraphQL, section 6.3.2): the
// fields of fragments are among the others, with their type condition in On.
// Two may have the same ResponseKey only if no object type is in both of their
// On.
type Field struct {
	ResponseKey string      `json:"responseKey"`
	StorageKey  string      `json:"storageKey,omitempty"`
	Source      FieldSource `json:"source,omitempty"`
	// On, unless nil, are the object types that the field is selected on.
	On []string `json:"on,omitzero"`
	// Type as the API schema declares it: "[Product!]!".
	Type string `json:"type"`
	// Kind is the kind of the named type inside Type.
	Kind TypeKind `json:"kind"`
	// Fields is the selection set of a composite type.
	Fields []*Field `json:"fields,omitzero"`
	// Introspect is the operation's field; set for Introspection.
	Introspect *SelectedField `json:"introspect,omitempty"`
	// Denial is the reason why the field is refused; set for Denied.
	Denial *operation.Denial `json:"denial,omitempty"`
	// DeferID is the ID of the payload that delivers the field, or 0.
	DeferID int `json:"deferID,omitempty"`
	// AlsoDeferredIn are the IDs of the other payloads whose fragments select
	// the field, ascending.
	AlsoDeferredIn []int `json:"alsoDeferredIn,omitempty"`
}

// TypeKind is the kind of a named type. Each built-in scalar is a kind.
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

// A DeferredPayload is the use of @defer on one fragment. It is delivered when
// its fetches and those of its parents have ended.
type DeferredPayload struct {
	// ID counts from 1.
	ID int `json:"id"`
	// Parent is the ID of the payload that this one is nested in, or 0.
	Parent int    `json:"parent,omitempty"`
	Label  string `json:"label,omitempty"`
	// Path is the path, by response keys, of the objects that the fragment is on.
	Path []string `json:"path,omitempty"`
}
