package execute

import (
	"bytes"
	"encoding/json"

	"souk/router/internal/jsonscan"
)

// A responseReader reads a subgraph's response into the tree. Its changes to
// values that were stored before can be rolled back.
type responseReader struct {
	*tree
	program *Program
	text    []byte
	body    uint16
	start   uint32
	changed []change
	stack   []value
	targets []targetObject // of the entity being read
	sources []targetObject // those that have exactly what the response says
	// misses counts, by run, how often in sequence a response did not have it.
	misses []uint8
}

type change struct {
	at  uint32
	was value
}

// begin starts to read a response. It returns false if there are too many.
func (a *responseReader) begin(t *tree, p *Program, text []byte) bool {
	if len(t.bodies) > 1<<16-1 {
		return false
	}
	a.tree, a.program, a.text = t, p, text
	a.body = uint16(len(t.bodies))
	a.start = uint32(len(t.values))
	a.changed, a.stack = a.changed[:0], a.stack[:0]
	a.misses = append(a.misses[:0], make([]uint8, p.runs)...)
	t.bodies = append(t.bodies, text)
	return true
}

// replaceText continues with another text in the place of the one given to
// begin.
func (a *responseReader) replaceText(text []byte) {
	a.text = text
	a.bodies[a.body] = text
}

// commit makes all changes so far permanent. It is called between two entities.
func (a *responseReader) commit() {
	a.start = uint32(len(a.values))
	a.changed, a.stack = a.changed[:0], a.stack[:0]
}

// rollback undoes all changes since begin or commit.
func (a *responseReader) rollback() {
	for i := len(a.changed) - 1; i >= 0; i-- {
		a.values[a.changed[i].at] = a.changed[i].was
	}
	a.changed = a.changed[:0]
	a.values = a.values[:a.start]
}

func (a *responseReader) set(at uint32, v value) {
	if at < a.start {
		a.changed = append(a.changed, change{at, a.values[at]})
	}
	a.values[at] = v
}

// object reads the object at index i into the stored object at base. Values
// that are null or absent there are replaced; objects and arrays are merged. It
// returns the index after the object, as package jsonscan does.
func (a *responseReader) object(i int, base uint32, s *shape) int {
	b := a.text
	if i = jsonscan.Space(b, i+1); i < len(b) && b[i] == '}' {
		return i + 1
	}
	for next := 0; ; {
		if i >= len(b) || b[i] != '"' {
			return ^i
		}
		if i, next = a.members(i, base, s, next); i < 0 {
			return i
		}
		var more bool
		if i, more = jsonscan.Next(b, i, '}'); !more {
			return i
		}
	}
}

// members reads the member at index i, or a run of members, where the field with the index next
// is expected: subgraphs respond in the order of the selection set. It returns the index after
// what it has read, and that of the next field.
func (a *responseReader) members(i int, base uint32, s *shape, next int) (int, int) {
	b := a.text
	var f *shapeField
	if next < len(s.fields) {
		f = &s.fields[next]
		if f.beginsRun() {
			if end := a.run(i, base, f.run); end >= 0 {
				return end, next + len(f.run.fields)
			}
		}
	}
	if f != nil && hasPrefixAt(b, i, f.responseKey()) {
		i += int(f.length)
	} else {
		end := jsonscan.String(b, i)
		if end < 0 {
			return end, next
		}
		f, next = s.field(b[i:end], next)
		i = end
	}
	if i = jsonscan.Colon(b, i); i < 0 {
		return i, next
	}
	if f == nil {
		return jsonscan.Value(b, i), next
	}
	return a.field(i, base, f), next + 1
}

// beginsRun reports whether a run begins with the field.
func (f *shapeField) beginsRun() bool { return f.run != nil && f.run.fields[0].slot == uint32(f.slot) }

func hasPrefixAt(b []byte, i int, prefix string) bool {
	return len(b)-i >= len(prefix) && string(b[i:i+len(prefix)]) == prefix
}

// field finds a field by its key in the response, and its index. For a key that
// was not selected it returns nil and the expected index.
func (s *shape) field(key []byte, expected int) (*shapeField, int) {
	key = plain(key)
	for i := range s.fields {
		if s.fields[i].responseKey() == string(key) {
			return &s.fields[i], i
		}
	}
	return nil, expected
}

// plain returns a JSON string without unnecessary escapes.
func plain(text []byte) []byte {
	if bytes.IndexByte(text, '\\') < 0 {
		return text
	}
	var s string
	// The text has been scanned, so there is no error.
	_ = json.Unmarshal(text, &s)
	return appendString(nil, s)
}

// field reads the field value at index i.
func (a *responseReader) field(i int, base uint32, f *shapeField) int {
	at := base + uint32(f.slot)
	if f.slot == headerSlot {
		return a.typename(i, at)
	}
	if a.hasRun(base, f.run) {
		a.expand(base, f.run)
	}
	v, end := a.value(i, at, f.child, 0)
	if end >= 0 && v.kind != absentKind {
		a.set(at, v)
	}
	return end
}

// typename reads an object's __typename into its header. The name of an
// @interfaceObject never replaces a real type.
func (a *responseReader) typename(i int, at uint32) int {
	v, end := a.value(i, at, nil, 0)
	if end < 0 || v.kind != stringKind {
		return end
	}
	name := plain(a.text[v.a : v.a+v.b])
	t := a.program.typeOf(name)
	was := a.values[at]
	if was.typ != noType && a.program.interfaceObjects.has(t) {
		return end
	}
	v.typ, v.objects = t, was.objects
	a.set(at, v)
	return end
}

// value reads the value at index i, which is to replace the stored value at the
// index old, or none if that is 0. It returns the value to store, which is absent
// if nothing is to change.
func (a *responseReader) value(i int, old uint32, s *shape, depth int) (value, int) {
	b := a.text
	if i >= len(b) {
		return value{}, ^i
	}
	var k kind
	var end int
	switch b[i] {
	case '"':
		k, end = stringKind, jsonscan.String(b, i)
	case '{':
		if s != nil {
			return a.nested(i, old, s)
		}
		k, end = rawKind, jsonscan.Value(b, i)
	case '[':
		if s != nil {
			return a.array(i, old, s, depth+1)
		}
		k, end = rawKind, jsonscan.Value(b, i)
	case 't':
		k, end = trueKind, jsonscan.Literal(b, i, "true")
	case 'f':
		k, end = falseKind, jsonscan.Literal(b, i, "false")
	case 'n':
		end = jsonscan.Literal(b, i, "null")
		if old != 0 && a.values[old].kind != absentKind {
			return value{}, end
		}
		k = nullKind
	default:
		k, end = numberKind, jsonscan.Number(b, i)
	}
	if end < 0 {
		return value{}, end
	}
	return value{a: uint32(i), b: uint32(end - i), place: place{body: a.body}, tag: tag{kind: k}}, end
}

func (a *responseReader) nested(i int, old uint32, s *shape) (value, int) {
	v := value{tag: tag{kind: objectKind}}
	if old != 0 && a.values[old].kind == objectKind {
		v = a.writable(old, s.size)
	} else {
		v.a = a.alloc(s.size)
	}
	return v, a.object(i, v.a, s)
}

func (a *responseReader) array(i int, old uint32, s *shape, depth int) (value, int) {
	if depth > jsonscan.MaxDepth {
		return value{}, ^i
	}
	b := a.text
	var into value
	if old != 0 && a.values[old].kind == arrayKind {
		into = a.writable(old, 0)
	}
	mark := len(a.stack)
	n := uint32(0)
	if i = jsonscan.Space(b, i+1); i < len(b) && b[i] == ']' {
		i++
	} else {
		for more := true; more; n++ {
			var v value
			at := uint32(0)
			if n < into.b {
				at = into.a + n
			}
			if v, i = a.value(i, at, s, depth); i < 0 {
				return value{}, i
			}
			switch {
			case into.kind == absentKind:
				a.stack = append(a.stack, v)
			case at != 0 && v.kind != absentKind:
				a.set(at, v)
			}
			if i, more = jsonscan.Next(b, i, ']'); i < 0 {
				return value{}, i
			}
		}
	}
	if into.kind == arrayKind {
		return into, i
	}
	first := a.alloc(n)
	copy(a.values[first:], a.stack[mark:])
	a.stack = a.stack[:mark]
	return value{a: first, b: n, tag: tag{kind: arrayKind}}, i
}

// writable returns the object (of the given size) or array at an index for
// writing: itself, or a copy if it is shared.
func (a *responseReader) writable(at uint32, size uint32) value {
	v := a.values[at]
	if v.flags&sharedFlag == 0 {
		return v
	}
	from := v.a
	if v.kind == arrayKind {
		size = v.b
	}
	v.a = a.alloc(size)
	v.flags &^= sharedFlag
	for i := range size {
		// Its children now have two parents.
		child := a.values[from+i]
		if child.composite() && child.flags&sharedFlag == 0 {
			child.flags |= sharedFlag
			a.set(from+i, child)
		}
		a.values[v.a+i] = child
	}
	return v
}

// isNew reports whether an object has no value yet for any field of a shape.
func (a *responseReader) isNew(object uint32, s *shape) bool {
	for i := range s.fields {
		if slot := s.fields[i].slot; slot != headerSlot && a.values[object+uint32(slot)].kind != absentKind {
			return false
		}
	}
	return true
}

// shareAny shares the fields of one of the sources with an object, if possible.
func (a *responseReader) shareAny(to targetObject, s *shape) bool {
	for _, from := range a.sources {
		if from.types == to.types && (from.object == to.object || a.share(from.object, to.object, s)) {
			return true
		}
	}
	return false
}

// share copies the fields of a shape from one object to another, so that both
// refer to the same objects and arrays below. It returns false, without changes,
// if both have an object or array in one field, or values in one run: they would have to
// be merged.
func (a *responseReader) share(from, to uint32, s *shape) bool {
	for i := range s.fields {
		slot := uint32(s.fields[i].slot)
		if a.values[to+slot].composite() && a.values[from+slot].composite() {
			return false
		}
		if r := s.fields[i].run; (a.hasRun(from, r) || a.hasRun(to, r)) && !a.isEmpty(to, r) {
			return false
		}
	}
	for i := range s.fields {
		slot := uint32(s.fields[i].slot)
		v, was := a.values[from+slot], a.values[to+slot]
		switch {
		case slot == headerSlot:
			if v.typ == noType || was.typ != noType && a.program.interfaceObjects.has(v.typ) {
				continue
			}
			v.objects = was.objects
		case v.kind == absentKind || v.kind == nullKind && was.kind != absentKind:
			continue
		case v.composite() && v.flags&sharedFlag == 0:
			v.flags |= sharedFlag
			a.set(from+slot, v)
		}
		a.set(to+slot, v)
	}
	return true
}
