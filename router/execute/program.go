package execute

import (
	"encoding/json"
	"slices"
	"strings"
	"sync/atomic"
	"unsafe"

	"souk/router/limit"
	"souk/router/operation"
	"souk/router/plan"
	"souk/router/usage"
)

// A Program is a plan that is ready to run. It is safe for concurrent use.
type Program struct {
	kind operation.Kind
	// noSharing is set when two occurrences of the same entity must stay
	// separate objects: a fetch needs @context values from their ancestors, or
	// two fetches write below the same position.
	noSharing bool
	// conditional is set if some fields are selected on some types only.
	conditional bool
	rootType    typeID
	rootSize    uint32
	// whole is set once it is known that a null in the last fetch may propagate so far that nothing
	// of a response can be sent before it is complete.
	whole atomic.Bool

	// quoted are the type names that the plan knows, as JSON, by typeID and so in alphabetical
	// order. typeIDs is the inverse, or nil if there are few.
	quoted  []string
	typeIDs map[string]typeID
	// interfaceObjects are the types of @interfaceObjects.
	interfaceObjects typeset

	fetches    []*fetch
	projection *selection
	// storedAs has the storage keys of shapes in which not all are the response keys. Those that are
	// are empty.
	storedAs [][]string
	payloads []*deferredPayload // by their IDs, from 1
	runs     int32              // their number

	// Weighted is set, together with Fields, if one of the fields has @cost.
	Weighted bool
	// Audience is set by the caller of Compile, before the first use of the program.
	// Execution does not depend on it.
	Audience *Audience
	// Fields are numbers of the fields that the operation selects. The caller of Compile
	// may set them.
	Fields []uint32
	// Uses has the elements of the schema that the operation uses. The caller of Compile may
	// set it.
	Uses *usage.Elements
	// Idempotency is set if the program is a mutation that may be sent twice with the same key. The
	// caller of Compile may set it.
	Idempotency *Idempotency
	// Cost computes the costs of the program's requests. It is nil if they are not needed.
	// The caller of Compile may set it.
	Cost *limit.PlanCost
	// Plan is the plan of the program, or nil if it is not kept.
	Plan *plan.Plan

	// values and bytes are the recent sizes of trees and responses, so that the
	// next ones are allocated large enough.
	values, bytes atomic.Int64
}

// An Audience describes who may be given a response again. Many programs may have the same one.
type Audience struct {
	// Headers are the names, in canonical form, of the client's headers that
	// are sent to the program's subgraphs.
	Headers []string
	// Private is set when responses are always for the caller alone.
	Private bool
	// Vary is the value of the response header Vary (RFC 9110, section 12.5.5).
	Vary []string
}

// Subgraphs returns the names of the subgraphs that the program sends requests
// to, without duplicates.
func (p *Program) Subgraphs() []string {
	var names []string
	for _, s := range p.fetches {
		if !slices.Contains(names, s.subgraph) {
			names = append(names, s.subgraph)
		}
	}
	return names
}

// A typeID identifies a type name within a program.
type typeID uint16

const (
	// noType: the object's type is not known.
	noType typeID = iota
	// unknownType: the object has a type that is not in the plan.
	unknownType
	firstType
)

// typeName returns the name of a type; empty if it is not known.
func (p *Program) typeName(t typeID) string {
	if t < firstType {
		return ""
	}
	return unquoted(p.quoted[t])
}

// fewTypes is the number of type names that are compared one after another.
const fewTypes = 8

// typeOf returns the ID of a type name, which is given as JSON.
func (p *Program) typeOf(quoted []byte) typeID {
	if p.typeIDs != nil {
		if t, known := p.typeIDs[string(quoted)]; known {
			return t
		}
		return unknownType
	}
	for t := firstType; int(t) < len(p.quoted); t++ {
		if p.quoted[t] == string(quoted) {
			return t
		}
	}
	return unknownType
}

// unquoted returns the text of a JSON string. It shares the memory of one that has no escapes.
func unquoted(quoted string) string {
	if strings.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	var text string
	_ = json.Unmarshal([]byte(quoted), &text) // the compiler has written it
	return text
}

// A typeset is a set of types. A nil typeset has all types.
type typeset []uint64

func (s typeset) has(t typeID) bool {
	return s == nil || int(t>>6) < len(s) && s[t>>6]>>(t&63)&1 != 0
}

// only returns the type of a set of one, and noType for other sets.
func (s typeset) only(types int) typeID {
	found := noType
	for t := firstType; s != nil && int(t) < types; t++ {
		if s.has(t) {
			if found != noType {
				return noType
			}
			found = t
		}
	}
	return found
}

// A fetch is a compiled plan.Fetch.
type fetch struct {
	id       int
	subgraph string
	kind     operation.Kind
	stream   bool
	// eventStream is set if a message broker feeds the stream.
	eventStream bool
	// hasFallback is set if another fetch backs up this one.
	hasFallback bool
	waitsFor    int32 // the number of fetches that it depends on
	dependents  []int // the fetches that depend on this one
	deferID     int   // the deferred payload that needs it, or 0

	// operationName is a space and the name of the operation sent, or empty.
	operationName string
	// prefix is the request's body up to its variables: {"query":"…"
	prefix    string
	variables []variable
	// received is the recent size of responses in bytes.
	received *atomic.Int64

	shape    *shape
	entities []*entityFetch
	caching  *cachedFetch // nil without a cache
	special  *specialFetch
}

// A specialFetch is what few fetches have.
type specialFetch struct {
	// path is where a fetch stores what is not of entities, unless at the root.
	path []segment
	// fallbackFor is the fetch that this one backs up, or nil.
	fallbackFor *fetch
	renaming    *contextRenames // nil unless entities need values from ancestors of their objects
}

// rare returns what few fetches have, to be set.
func (f *fetch) rare() *specialFetch {
	if f.special == nil {
		f.special = new(specialFetch)
	}
	return f.special
}

// path returns where a fetch stores what is not of entities.
func (f *fetch) path() []segment {
	if f.special == nil {
		return nil
	}
	return f.special.path
}

// fallbackFor returns the fetch that this one backs up, or nil.
func (f *fetch) fallbackFor() *fetch {
	if f.special == nil {
		return nil
	}
	return f.special.fallbackFor
}

// target returns the path to the objects that the fetch is for: the first of them, if there are several.
func (f *fetch) target() []segment {
	if f.entities == nil {
		return f.path()
	}
	return f.entities[0].targets[0].path
}

// A cachedFetch is what the cache needs to know of a fetch.
type cachedFetch struct {
	selection     *CacheSelection // of a query, or nil
	usedVariables []string        // sorted
	// mutation is the selection set of a mutation.
	mutation plan.Selections
}

// contextRenames are for a fetch whose _entities fields get variables of their own.
type contextRenames struct {
	// definitions are those of the client's variables. None begins with prefix.
	definitions []string
	prefix      string
}

// A variable is one of the client's variables that a request uses.
type variable struct {
	name string
	key  []byte // "name":
}

// An entityFetch is one _entities field of a fetch.
type entityFetch struct {
	responseKey   []byte // "_e0"
	variableKey   []byte // "r0":
	targets       []target
	shape         *shape
	cache         *CacheSelection
	usedVariables []string // the client's variables that its selections use
	// context, unless nil, describes the values that its selections need from
	// ancestors of each object. values are those of one request, for the
	// objects that have them in common.
	context *contextFetch
	values  []contextValue
}

// A target is a set of objects that representations are built from.
type target struct {
	path            []segment
	representations []representation
}

// A segment selects the objects in one storage slot.
type segment struct {
	storageKey string
	slot       int
	types      typeset
}

// A representation describes how to build a representation.
type representation struct {
	on     typeset
	prefix string // {"__typename":"T"
	fields []representationField
	// opening is set if there is one field, a leaf that all objects have, as in most keys. It
	// is what comes before its value.
	opening string

	typeName string
}

type representationField struct {
	name string // ,"name":
	// storageKey is that of the value.
	storageKey string
	slot       int32
	kind       valueKind // of a leaf: intValue, idValue or anyValue
	nested     bool
	on         typeset
	// typ is the type of a nested field, or nil if the plan does not state it.
	typ    *declaredType
	fields []representationField
}

// field returns the name of the field.
func (f *representationField) field() string { return keyIn(f.name) }

// lists returns the number of list types around the type of a nested field, or anyLists.
func (f *representationField) lists() int {
	if f.typ == nil {
		return anyLists
	}
	return len(f.typ.nonNull) - 1
}

// typeName returns the name of the type of a nested field, which may be empty.
func (f *representationField) typeName() string {
	if f.typ == nil {
		return ""
	}
	return f.typ.name
}

// keyIn returns the key in ,"key":
func keyIn(name string) string { return unquoted(name[1 : len(name)-1]) }

// anyLists means any number of list types.
const anyLists = -1

// A shape is the merged selection set of a fetch, with the storage slots of the
// objects that responses are stored in.
type shape struct {
	size uint32
	// storedAs is the index of its list in Program.storedAs, from 1, or 0.
	storedAs uint32
	fields   []shapeField
}

type shapeField struct {
	// text and length are those of the response key as JSON: "name". A string would take more memory.
	text   *byte
	length uint32
	slot   int32
	child  *shape // nil for a leaf
	run    *run   // that the field belongs to, or nil
}

// responseKey returns the response key as JSON.
func (f *shapeField) responseKey() string { return unsafe.String(f.text, f.length) }

// key returns the response key.
func (f *shapeField) key() string { return unquoted(f.responseKey()) }

// storageKey returns the storage key of a field of a shape, which is given by its index.
func (p *Program) storageKey(s *shape, field int) string {
	if s.storedAs > 0 {
		if key := p.storedAs[s.storedAs-1][field]; key != "" {
			return key
		}
	}
	return s.fields[field].key()
}

// A selection is a selection set of the client's operation.
type selection struct {
	typ    *declaredType // of the objects, without lists
	fields []field
	// possible are the object types that the objects can have. declared is the type if there is
	// only one, and noType otherwise.
	possible typeset
	declared typeID
	// conditional is set if some fields are selected on some types only.
	conditional bool
	// deferred are the payloads of the fragments on this selection set; mostly nil.
	deferred *[]*deferredPayload
}

// typeName returns the name of the type of the objects.
func (s *selection) typeName() string { return s.typ.name }

// A field is one entry of an object of the client's response.
type field struct {
	name   string // ,"name":
	slot   int32
	lists  uint16 // of its type
	source source
	kind   valueKind
	typ    *declaredType
	sel    *selection
	// run begins with the field; mostly nil.
	run *run
	// special is what few fields have, mostly nil. All fields have it in a program with
	// deferred payloads.
	special *specialField
}

// responseKey returns the response key.
func (f *field) responseKey() string { return keyIn(f.name) }

// storageKey returns the storage key of a stored field.
func (f *field) storageKey() string {
	if f.special != nil {
		return f.special.storageKey
	}
	return f.responseKey()
}

// A specialField is what few fields have.
type specialField struct {
	// storageKey is that of any field that has this. Others have the response key.
	storageKey string
	// on are the types that the field is selected on.
	on typeset
	// enum are the values of an enum.
	enum []string
	// introspect is the operation's field; set for introspectionSource.
	introspect *operation.Field
	// denial is the reason for deniedSource, or nil.
	denial *operation.Denial
	fieldPayloads
}

// on returns the types that the field is selected on; nil for all.
func (f *field) on() typeset {
	if f.special == nil {
		return nil
	}
	return f.special.on
}

// enum returns the values of an enum.
func (f *field) enum() []string {
	if f.special == nil {
		return nil
	}
	return f.special.enum
}

// fieldPayloads say in which payloads of the response a field is.
type fieldPayloads struct {
	// deferID is the earliest payload that selects the field, or 0. carriers
	// are the payloads that can deliver it: the one with the lowest ID does, and
	// others only where all before them failed. payloadsBelow are the carriers
	// of the field and of those below it.
	deferID                 int
	carriers, payloadsBelow deferIDSet
	// selectedIn are the payloads whose fragments select the field, even where
	// an earlier payload delivers it.
	selectedIn deferIDSet
}

// valueKind states how the value of a field is checked and written.
type valueKind uint8

const (
	anyValue valueKind = iota
	intValue
	floatValue
	stringValue
	booleanValue
	idValue
	enumValue
	compositeValue
)

type source uint8

const (
	storedSource source = iota
	typenameSource
	introspectionSource
	deniedSource
)

// A deferredPayload is the use of @defer on one fragment.
type deferredPayload struct {
	id     int
	parent *deferredPayload // the payload it is nested in, or nil
	label  []byte           // as a member of a JSON object, behind others; empty if there is none
	// enclosing are the payloads that deliver objects which fields of this one
	// belong to.
	enclosing []*deferredPayload
	// sharing are the other payloads whose fetches get fields of this one's
	// fragment.
	sharing []*deferredPayload
	// overlapping are the payloads with lower IDs that can deliver fields which
	// this one can deliver, too.
	overlapping []*deferredPayload
}

// A deferIDSet is a set of IDs of deferred payloads.
type deferIDSet []uint64

func (s deferIDSet) has(id int) bool { return id>>6 < len(s) && s[id>>6]>>(id&63)&1 != 0 }

func (s *deferIDSet) add(id int) {
	for id>>6 >= len(*s) {
		*s = append(*s, 0)
	}
	(*s)[id>>6] |= 1 << (id & 63)
}

func (s *deferIDSet) addAll(t deferIDSet) {
	for len(*s) < len(t) {
		*s = append(*s, 0)
	}
	for i := range t {
		(*s)[i] |= t[i]
	}
}

// An Idempotency says where an idempotent mutation has its key, besides the client's header.
type Idempotency struct {
	// Key is the argument, or nil.
	Key *operation.ScalarSource
}
