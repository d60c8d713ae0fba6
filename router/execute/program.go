package execute

import (
	"slices"
	"sync/atomic"

	"souk/router/operation"
	"souk/router/plan"
)

// A Program is a plan made ready to run. It is safe for concurrent use.
type Program struct {
	kind     operation.Kind
	rootType typeID
	rootSize uint32

	// types are the type names the plan knows, by ID; typeIDs is its inverse.
	types   []string
	quoted  [][]byte // types as JSON
	typeIDs map[string]typeID
	// interfaceObjects are the types that stand for @interfaceObjects.
	interfaceObjects typeset

	steps      []*step
	projection *selection
	// separate says that equal entities do not share what is below them: they
	// may have to be told apart by where they are, since steps need values from
	// above them, or several steps store something at one place.
	separate bool
	parts    []*part // by their IDs, from 1

	// Audience is for the maker of the program, who sets it before first use;
	// executing it does not depend on it.
	Audience Audience
	// Plan is what the program was made of, if its maker keeps it.
	Plan *plan.Plan

	// values and bytes are how large trees and answers have been of late, so
	// that the next has room from the beginning.
	values, bytes atomic.Int64
}

// An Audience says who may be given an answer again.
type Audience struct {
	// Headers are the names, in canonical form, of the client's headers that
	// the program's subgraphs are sent.
	Headers []string
	// Private says that answers are for the caller alone in any case.
	Private bool
	// Vary is the value of the response header of this name (RFC 9110,
	// section 12.5.5).
	Vary []string
}

// Subgraphs gives the names of the subgraphs that the program asks, without
// repetition.
func (p *Program) Subgraphs() []string {
	var names []string
	for _, s := range p.steps {
		if !slices.Contains(names, s.subgraph) {
			names = append(names, s.subgraph)
		}
	}
	return names
}

// typeID is a number for a type's name within a program.
type typeID uint16

const (
	// noType: nothing is known of the object's type.
	noType typeID = iota
	// unknownType: the object has a type that the plan does not know.
	unknownType
	firstType
)

// A typeset is a set of types; nil holds all.
type typeset []uint64

func (s typeset) has(t typeID) bool {
	return s == nil || int(t>>6) < len(s) && s[t>>6]>>(t&63)&1 != 0
}

// only gives the single type of a set, or noType.
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

// A step is a plan's step.
type step struct {
	id        int
	subgraph  string
	kind      operation.Kind
	stream    bool
	after     []int
	dependent []int // the steps that come after this one
	part      int   // the deferred part it serves, or 0
	// rest is the step whose lacking objects this one is for, or nil; hasRest
	// says that there is such a one for this step.
	rest    *step
	hasRest bool

	// prefix is the request's body up to its variables: {"query":"…"
	prefix    []byte
	variables []variable
	// received is how large answers have been of late, in bytes.
	received *atomic.Int64

	path  []segment
	shape *shape
	cache *CacheSelection
	uses  []string // the names of variables, in order

	entities []*entityFetch
	// contextual says that entities need values from above their objects; then
	// definitions are those of variables, and no name of these begins with
	// reserved.
	contextual  bool
	definitions []string
	reserved    string
	// place is the path, by storage keys, to what the step is for.
	place []string
}

// A variable is one of the client's variables that a request uses.
type variable struct {
	name string
	key  []byte // "name":
}

// An entityFetch is one _entities field of a step.
type entityFetch struct {
	wire    []byte // "_e0"
	key     []byte // "r0":
	targets []*target
	shape   *shape
	cache   *CacheSelection
	uses    []string // the variables its selection uses
	// context, unless nil, is what its selection needs from above each object;
	// values are those of one request, for the objects that share them.
	context *contextual
	values  []contextValue
}

// A target is one set of objects that representations are built from.
type target struct {
	path            []segment
	representations []*representation
}

// A segment leads to the objects in one slot.
type segment struct {
	key   string
	slot  int
	types typeset
}

// A representation says how to build one.
type representation struct {
	on     typeset
	prefix []byte // {"__typename":"T"
	fields []representationField
}

type representationField struct {
	name   []byte // ,"name":
	slot   int
	on     typeset
	kind   valueKind // of a leaf: intValue, idValue or anyValue
	nested bool
	fields []representationField
}

// A shape is the selection set of a subgraph's request, with the layout of
// the objects that its answer is stored in.
type shape struct {
	size   uint32
	fields []shapeField
}

type shapeField struct {
	wire  []byte // "name"
	key   string // the storage key
	slot  int
	child *shape // nil for a leaf
}

// A selection is a selection set of the client's operation.
type selection struct {
	typeName string
	fields   []field
	// conditional says that some fields are for some types only.
	conditional bool
	// starts are the deferred parts whose fragment stands here.
	starts []*part
}

// A field is one entry of an object of the answer.
type field struct {
	name   []byte // ,"name":
	key    string // the response key
	store  string // the storage key
	slot   int
	source source
	on     typeset
	// nonNull says for each list level, from the outside, and at last for
	// the named type, whether it may not be null.
	nonNull  []bool
	kind     valueKind
	typeName string
	// declared is the type, if it is an object type.
	declared typeID
	// possible are the object types a value may have.
	possible typeset
	enum     []string
	sel      *selection
	// operation is the field in the client's operation.
	operation *operation.Field
	// part is the deferred part the field belongs to, or 0; parts are those of
	// it and of all below.
	part  int
	parts partset
	// fragments are the deferred parts whose fragments select the field, also
	// where an earlier part delivers it.
	fragments partset
}

// valueKind tells how the value of a field is checked and written.
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

// A part is a part of the answer that is delivered later: one use of @defer.
type part struct {
	id     int
	parent *part // the part it is nested in, or nil
	label  string
	// after are parts that hold fields which fields of this one stand in.
	after []*part
	// shared are other parts that hold fields of this one's fragment.
	shared []*part
}

// A partset is a set of the IDs of parts.
type partset []uint64

func (s partset) has(id int) bool { return id>>6 < len(s) && s[id>>6]>>(id&63)&1 != 0 }

func (s *partset) add(id int) {
	for id>>6 >= len(*s) {
		*s = append(*s, 0)
	}
	(*s)[id>>6] |= 1 << (id & 63)
}

func (s *partset) addAll(t partset) {
	for len(*s) < len(t) {
		*s = append(*s, 0)
	}
	for i := range t {
		(*s)[i] |= t[i]
	}
}
