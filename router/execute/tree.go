package execute

// A value is one value of the tree of responses, in one of four forms.
//
//   - A leaf is a span of a subgraph's response, in the subgraph's own bytes: the
//     number of the response, offset a and length b.
//   - A run is a span, too: several fields of an object as the subgraph has sent them.
//     See run.go.
//   - An object is the index a of its header in the tree; its slots follow.
//   - An array is the index a of its first element and their number b.
//
// It has no pointers, so the garbage collector does not scan it. It consists of structs
// with at most four fields, because the compiler keeps only such structs in registers.
type value struct {
	a, b uint32
	place
	tag
}

// A place is the body that a span is in, and the number of objects in a run. In a header, objects marks an
// object whose entity has not arrived (see sketch.go).
type place struct {
	body, objects uint16
}

// A tag has the kind of a value, and flags.
type tag struct {
	// typ is the object's type, in a header only. The header's span is the
	// __typename in the subgraph's response.
	typ   typeID
	kind  kind
	flags uint8
}

type kind uint8

const (
	absentKind kind = iota
	nullKind
	falseKind
	trueKind
	numberKind
	stringKind
	rawKind // an array or object of a custom scalar
	runKind // in the slot of a run
	objectKind
	arrayKind
)

const (
	// sharedFlag marks a reference to an object or array that has other
	// references. It must be copied before it is changed.
	sharedFlag = 1 << iota
	// reportedFlag marks a null, or an absent value, for which there is an
	// error already.
	reportedFlag
)

// missing reports whether the value is absent or null.
func (v value) missing() bool { return v.kind <= nullKind }

func (v value) composite() bool { return v.kind >= objectKind }

// A tree holds the responses of a request's subgraphs. The root object is at 0.
type tree struct {
	values []value
	bodies [][]byte
}

func (t *tree) reset(root uint32) {
	t.values = t.values[:0]
	clear(t.bodies)
	t.bodies = t.bodies[:0]
	t.alloc(root)
}

// alloc appends n absent values and returns the index of the first.
func (t *tree) alloc(n uint32) uint32 {
	base := uint32(len(t.values))
	need := len(t.values) + int(n)
	if need > cap(t.values) {
		grown := make([]value, len(t.values), max(2*cap(t.values), need, 1024))
		copy(grown, t.values)
		t.values = grown
	}
	t.values = t.values[:need]
	clear(t.values[base:])
	return base
}

func (t *tree) text(v value) []byte { return t.bodies[v.body][v.a : v.a+v.b] }
