package execute

import (
	"bytes"
	"encoding/json"

	"souk/router/internal/jsonscan"
)

// An answer is being written into a tree. What it writes to values that were
// there before can be undone.
type answer struct {
	*tree
	program *Program
	text    []byte
	body    uint16
	start   uint32
	changed []change
	stack   []value
	targets []targetObject // of the entity being read
	sources []targetObject // those that have exactly what was answered
}

type change struct {
	at  uint32
	was value
}

// begin starts to read a text, and gives false if there are too many.
func (a *answer) begin(t *tree, p *Program, text []byte) bool {
	if len(t.bodies) > 1<<16-1 {
		return false
	}
	a.tree, a.program, a.text = t, p, text
	a.body = uint16(len(t.bodies))
	a.start = uint32(len(t.values))
	a.changed, a.stack = a.changed[:0], a.stack[:0]
	t.bodies = append(t.bodies, text)
	return true
}

// replace goes on with another text in place of that given to begin.
func (a *answer) replace(text []byte) {
	a.text = text
	a.bodies[a.body] = text
}

// undo takes back all since begin.
func (a *answer) undo() {
	for i := len(a.changed) - 1; i >= 0; i-- {
		a.values[a.changed[i].at] = a.changed[i].was
	}
	a.changed = a.changed[:0]
	a.values = a.values[:a.start]
}

func (a *answer) set(at uint32, v value) {
	if at < a.start {
		a.changed = append(a.changed, change{at, a.values[at]})
	}
	a.values[at] = v
}

// object reads the object that starts at i into the one at base, which may
// hold values already: what is null there or absent is replaced, objects and
// arrays are merged. It gives the index after, as package jsonscan does.
func (a *answer) object(i int, base uint32, s *shape) int {
	b := a.text
	if i = jsonscan.Space(b, i+1); i < len(b) && b[i] == '}' {
		return i + 1
	}
	next := 0
	for {
		if i >= len(b) || b[i] != '"' {
			return ^i
		}
		var f *shapeField
		// Subgraphs answer in the order they are asked.
		if next < len(s.fields) && hasPrefixAt(b, i, s.fields[next].wire) {
			f = &s.fields[next]
			i += len(f.wire)
		} else {
			end := jsonscan.String(b, i)
			if end < 0 {
				return end
			}
			f, next = s.field(b[i:end], next)
			i = end
		}
		if i = jsonscan.Colon(b, i); i < 0 {
			return i
		}
		if f == nil {
			i = jsonscan.Value(b, i)
		} else {
			next++
			i = a.field(i, base, f)
		}
		if i < 0 {
			return i
		}
		var more bool
		if i, more = jsonscan.Next(b, i, '}'); !more {
			return i
		}
	}
}

func hasPrefixAt(b []byte, i int, prefix []byte) bool {
	return len(b)-i >= len(prefix) && string(b[i:i+len(prefix)]) == string(prefix)
}

// field finds a field by its key as it stands in an answer, and its index;
// nil and the index that was expected if it was not asked for.
func (s *shape) field(key []byte, expected int) (*shapeField, int) {
	key = plain(key)
	for i := range s.fields {
		if string(s.fields[i].wire) == string(key) {
			return &s.fields[i], i
		}
	}
	return nil, expected
}

// plain gives a JSON string without needless escapes.
func plain(text []byte) []byte {
	if bytes.IndexByte(text, '\\') < 0 {
		return text
	}
	var s string
	// It has been scanned: the error is impossible.
	_ = json.Unmarshal(text, &s)
	return appendString(nil, s)
}

// field reads the value of a field that starts at i.
func (a *answer) field(i int, base uint32, f *shapeField) int {
	at := base + uint32(f.slot)
	if f.slot == headerSlot {
		return a.typename(i, at)
	}
	v, end := a.value(i, at, f.child, 0)
	if end >= 0 && v.kind != absentKind {
		a.set(at, v)
	}
	return end
}

// typename reads an object's __typename into its header. The name of an
// @interfaceObject never replaces a real one.
func (a *answer) typename(i int, at uint32) int {
	v, end := a.value(i, at, nil, 0)
	if end < 0 || v.kind != stringKind {
		return end
	}
	name := plain(a.text[v.a : v.a+v.b])
	t, known := a.program.typeIDs[string(name[1:len(name)-1])]
	if !known {
		t = unknownType
	}
	if was := a.values[at].typ; was != noType && a.program.interfaceObjects.has(t) {
		return end
	}
	v.typ = t
	a.set(at, v)
	return end
}

// value reads the value that starts at i and is to replace the one at the
// index old (or none, if it is 0). It gives the value to be stored there,
// which is absent if nothing is to change.
func (a *answer) value(i int, old uint32, s *shape, depth int) (value, int) {
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
	return value{a: uint32(i), b: uint32(end - i), body: a.body, kind: k}, end
}

func (a *answer) nested(i int, old uint32, s *shape) (value, int) {
	v := value{kind: objectKind}
	if old != 0 && a.values[old].kind == objectKind {
		v = a.own(old, s.size)
	} else {
		v.a = a.alloc(s.size)
	}
	return v, a.object(i, v.a, s)
}

func (a *answer) array(i int, old uint32, s *shape, depth int) (value, int) {
	if depth > jsonscan.MaxDepth {
		return value{}, ^i
	}
	b := a.text
	var into value
	if old != 0 && a.values[old].kind == arrayKind {
		into = a.own(old, 0)
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
	return value{kind: arrayKind, a: first, b: n}, i
}

// own gives the object (of the given size) or array at an index for writing:
// itself, or a copy if it is shared.
func (a *answer) own(at uint32, size uint32) value {
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
		// What lies below now has two parents.
		child := a.values[from+i]
		if child.composite() && child.flags&sharedFlag == 0 {
			child.flags |= sharedFlag
			a.set(from+i, child)
		}
		a.values[v.a+i] = child
	}
	return v
}

// fresh says whether an object has nothing yet of what a shape may bring.
func (a *answer) fresh(object uint32, s *shape) bool {
	for i := range s.fields {
		if slot := s.fields[i].slot; slot != headerSlot && a.values[object+uint32(slot)].kind != absentKind {
			return false
		}
	}
	return true
}

// shareAny gives an object what one of the sources has, if one can be shared.
func (a *answer) shareAny(to targetObject, s *shape) bool {
	for _, from := range a.sources {
		if from.types == to.types && (from.object == to.object || a.share(from.object, to.object, s)) {
			return true
		}
	}
	return false
}

// share writes the fields of a shape from one object to another, so that both
// have the same objects and arrays below them. It gives false, and has changed
// nothing, if the other has an object or array already where there is one to
// be written.
func (a *answer) share(from, to uint32, s *shape) bool {
	for i := range s.fields {
		slot := uint32(s.fields[i].slot)
		if a.values[to+slot].composite() && a.values[from+slot].composite() {
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
