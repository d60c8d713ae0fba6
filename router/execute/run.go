package execute

import "souk/router/internal/jsonscan"

// A run is a sequence of fields that a fetch selects one after the other and the client's
// response has one after the other, under the same names: what the subgraph sends of them is
// what the client gets. When the response has all of them, in this order and without
// anything that the writer would change, the reader stores them as one span and the writer
// copies them at once:
//
//	"name":"Desk","price":899,"maker":{"city":"Oslo"}
//
// Otherwise, as with a null for a non-null type, a number for an ID, other members in
// between, or white space, the reader stores each field in its own slot. Both forms hold
// the same, and expand makes the second of the first. A run lacks nothing and has no null but
// those that the type allows, so no error needs to explain what is in it. See runs.go for
// which fields make runs.
type run struct {
	// slot is that of one of the fields. It has the span.
	slot uint32
	// number counts the program's runs.
	number int32
	fields []runField
}

// A runField is a field of a run, or of an object in it.
type runField struct {
	// key is ,"name": without the comma for the first field of a run or of an object.
	key   token
	slot  uint32
	lists uint16 // of its type
	// stored is set for a leaf that is needed otherwise too, such as a key. It is in its slot as well.
	stored bool
	kind   valueKind
	typ    *declaredType
	// inside is nil for a leaf other than an enum and __typename.
	inside *runInside
}

// A runInside is what can be inside a field of a run.
type runInside struct {
	// names are those that an enum value or __typename can have.
	names []string
	// fields are those of an object, and child is its shape.
	fields []runField
	child  *shape
}

// child returns the shape of an object, or nil for a leaf.
func (f *runField) child() *shape {
	if f.inside == nil {
		return nil
	}
	return f.inside.child
}

const (
	// maxRun bounds a run's text, because it is read again if it ends with what does not fit.
	maxRun = 64 << 10
	// maxMisses is how often the reader tries to find a run in one response without success.
	maxMisses = 8
	// miss is returned in the place of an index after a text.
	miss = -1
)

// run reads the run at index i into the object at base. It returns the index after it, or a
// negative number if the fields must be read one by one.
func (a *responseReader) run(i int, base uint32, r *run) int {
	if a.misses[r.number] > maxMisses || !a.isEmpty(base, r) {
		return miss
	}
	m := runMatcher{text: a.text, end: i + maxRun}
	start := i
	for k := range r.fields {
		f := &r.fields[k]
		from := f.key.after(a.text, i)
		if i = m.value(from, f, 0); i < 0 {
			a.misses[r.number]++
			return miss
		}
		if f.stored {
			a.set(base+f.slot, value{a: uint32(from), b: uint32(i - from), place: place{body: a.body}, tag: tag{kind: kindOfText(a.text[from])}})
		}
	}
	a.misses[r.number] = 0
	a.set(base+r.slot, value{a: uint32(start), b: uint32(i - start), place: place{body: a.body, objects: m.objects}, tag: tag{kind: runKind}})
	return i
}

// isEmpty reports whether an object has no value for any field of a run.
func (t *tree) isEmpty(object uint32, r *run) bool {
	for i := range r.fields {
		if t.values[object+r.fields[i].slot].kind != absentKind {
			return false
		}
	}
	return true
}

// hasRun reports whether the fields of a run are stored as one span.
func (t *tree) hasRun(object uint32, r *run) bool {
	return r != nil && t.values[object+r.slot].kind == runKind
}

// expand stores the fields of a run in their own slots, because one of them is to be changed.
func (a *responseReader) expand(object uint32, r *run) {
	v := a.values[object+r.slot]
	text, body := a.text, a.body
	a.text, a.body = a.bodies[v.body], v.body
	a.set(object+r.slot, value{})
	i := int(v.a)
	for k := range r.fields {
		f := &r.fields[k]
		var field value
		if field, i = a.value(f.key.after(a.text, i), 0, f.child(), 0); i < 0 {
			break // impossible: the text has been read
		}
		a.set(object+f.slot, field)
	}
	a.text, a.body = text, body
}

// A runMatcher compares a response with what the client's response would have.
type runMatcher struct {
	text    []byte
	end     int    // where a run must have ended
	objects uint16 // found so far: maxRun bounds them
}

// value returns the index after the value at i, or a negative number if the writer would
// not copy it. An i that is negative already is returned.
func (m *runMatcher) value(i int, f *runField, level int) int {
	b := m.text
	if uint(i) >= uint(len(b)) || i > m.end {
		return miss
	}
	c := b[i]
	switch {
	case c == 'n':
		if f.typ.nonNull[level] {
			return miss
		}
		return jsonscan.Literal(b, i, "null")
	case level < int(f.lists):
		return m.list(i, f, level+1)
	case f.inside != nil && f.inside.fields != nil:
		if c != '{' {
			return miss
		}
		return m.object(i+1, f.inside.fields)
	case c == '"':
		if f.kind == stringValue || f.kind == idValue || f.kind == anyValue {
			return jsonscan.String(b, i)
		}
		if f.inside == nil {
			return miss
		}
		return m.oneOf(i, f.inside.names)
	case f.kind == intValue:
		return m.integer(i)
	case f.kind == booleanValue && c == 't':
		return jsonscan.Literal(b, i, "true")
	case f.kind == booleanValue && c == 'f':
		return jsonscan.Literal(b, i, "false")
	case f.kind == floatValue:
		return jsonscan.Number(b, i)
	case f.kind == anyValue:
		return jsonscan.Value(b, i)
	default:
		return miss
	}
}

func (m *runMatcher) list(i int, f *runField, level int) int {
	b := m.text
	if b[i] != '[' {
		return miss
	}
	if i+1 < len(b) && b[i+1] == ']' {
		return i + 2
	}
	for {
		if i = m.value(i+1, f, level); uint(i) >= uint(len(b)) {
			return miss
		}
		switch b[i] {
		case ',':
		case ']':
			return i + 1
		default:
			return miss
		}
	}
}

// object matches the rest of an object.
func (m *runMatcher) object(i int, fields []runField) int {
	for k := range fields {
		f := &fields[k]
		if i = m.value(f.key.after(m.text, i), f, 0); i < 0 {
			return miss
		}
	}
	if i >= len(m.text) || m.text[i] != '}' {
		return miss
	}
	m.objects++
	return i + 1
}

// oneOf matches a string that is one of some names.
func (m *runMatcher) oneOf(i int, names []string) int {
	b := m.text
	for _, name := range names {
		if end := i + 1 + len(name); end < len(b) && b[end] == '"' && string(b[i+1:end]) == name {
			return end + 1
		}
	}
	return miss
}

// integer matches an Int of up to nine digits, and others that appendInt does not change.
func (m *runMatcher) integer(i int) int {
	b := m.text
	end := i
	for end < len(b) && b[end]-'0' < 10 {
		end++
	}
	if n := end - i; n > 0 && n < 10 && (n == 1 || b[i] != '0') && end < len(b) && (b[end] == ',' || b[end] == '}' || b[end] == ']') {
		return end
	}
	if end = jsonscan.Number(b, i); end < 0 || !isInt(b[i:end]) {
		return miss
	}
	return end
}
