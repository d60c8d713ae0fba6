package execute

import (
	"fmt"
	"slices"

	"souk/router/internal/jsonscan"
)

// A writer writes the client's response from the tree. A method that writes a
// value returns false if the value would be null where its type is non-null. The
// caller then removes what the method has written.
type writer struct {
	*execution
	out  []byte
	path []pathElement
	// limit is how long out may become before it is extended. exhausted is set
	// if it could not be, and tooLong if the response is not to be used then.
	limit              int
	exhausted, tooLong bool
	// most is how long out may become in a part of an incremental response. What
	// does not fit is null. overlong is set once an error has said so.
	most     int
	overlong bool
	// delivery is set for an incremental response. Then only the fields of the
	// payload deferID are written.
	delivery *delivery
	deferID  int
	// gaps is set for a response that is sent before it is complete.
	gaps *sketch
	// fragmentID, unless 0, is the payload whose fragment is written as a
	// whole, with those of its fields that other payloads deliver too.
	fragmentID int
	objects    int // written so far, with the root
}

func (w *writer) reset() {
	w.execution, w.out, w.delivery, w.deferID, w.fragmentID = nil, nil, nil, 0, 0
	w.limit, w.exhausted, w.tooLong, w.objects = 0, false, false, 0
	w.most, w.overlong, w.gaps = 0, false, nil
	clear(w.path[:cap(w.path)])
	w.path = w.path[:0]
}

// object writes an object of the given type, which may be noType.
func (w *writer) object(object uint32, sel *selection, typ typeID) bool {
	if len(w.out) > w.limit && !w.extend() {
		return false
	}
	w.objects++
	w.out = append(w.out, '{')
	start := len(w.out)
	for i := 0; i < len(sel.fields); i++ {
		f := &sel.fields[i]
		if w.tree.hasRun(object, f.run) {
			if len(w.out) > start {
				w.out = append(w.out, ',')
			}
			v := w.tree.values[object+f.run.slot]
			w.out = append(w.out, w.tree.text(v)...)
			w.objects += int(v.objects)
			i += len(f.run.fields) - 1
			continue
		}
		if !f.has(typ) || w.delivery != nil && !w.includes(f) {
			continue
		}
		name := f.name
		if len(w.out) == start {
			name = name[1:]
		}
		w.out = append(w.out, name...)
		if !w.field(object, f, sel, typ) || !w.fits() {
			return false
		}
	}
	w.out = append(w.out, '}')
	return true
}

// includes reports whether the field is in the part of an incremental response
// that is written.
func (w *writer) includes(f *field) bool {
	switch {
	case w.fragmentID > 0:
		return f.special.selectedIn.has(w.fragmentID)
	case f.special.deferID == w.deferID:
		return true
	default:
		return w.deferID > 0 && f.special.carriers.has(w.deferID) && !w.delivery.isDelivered(f, w.path)
	}
}

// has reports whether an object of a type has the field.
func (f *field) has(typ typeID) bool {
	return f.special == nil || f.special.on == nil || typ != noType && f.special.on.has(typ)
}

func (w *writer) field(object uint32, f *field, sel *selection, typ typeID) bool {
	mark := len(w.out)
	if f.source != storedSource {
		return w.computed(f, sel, typ) && (len(w.out) <= w.most || w.tooLarge(f, mark))
	}
	var v value
	if f.slot > headerSlot {
		v = w.tree.values[object+uint32(f.slot)]
	}
	if f.sel == nil && f.lists == 0 {
		if w.leaf(v, f) {
			return len(w.out) <= w.most || w.tooLarge(f, mark)
		}
		w.path = append(w.path, pathElement{key: f.responseKey()})
		ok := w.invalid(v, f, f.typ.nonNull[0], sel, typ)
		w.path = w.path[:len(w.path)-1]
		return ok
	}
	w.path = append(w.path, pathElement{key: f.responseKey()})
	ok := w.value(v, f, 0, sel, typ)
	w.path = w.path[:len(w.path)-1]
	return ok
}

// computed writes a field that is not stored.
func (w *writer) computed(f *field, sel *selection, typ typeID) bool {
	e := responseError{fetchID: projectionErrors, deferID: w.deferID}
	switch f.source {
	case typenameSource:
		if typ != noType {
			w.out = append(w.out, w.program.quoted[typ]...)
			return true
		}
		e.code, e.message = CodeInvalidValue, fmt.Sprintf("The type of this %s is not known.", sel.typeName())
	case introspectionSource:
		if w.executor.options.Introspect == nil {
			e.code, e.message = "INTROSPECTION_DISABLED", "Introspection is not available."
			break
		}
		text, err := w.executor.options.Introspect(f.special.introspect, w.req.Variables)
		if err == nil {
			w.out = append(w.out, text...)
			return true
		}
		e.code, e.message = CodeInternal, err.Error()
	case deniedSource:
		e.code, e.message = "UNAUTHORIZED_FIELD_OR_TYPE", "Not allowed."
		if d := f.special.denial; d != nil {
			e.code, e.message = d.Code, d.Message
		}
	}
	e.path = append(slices.Clone(w.path), pathElement{key: f.responseKey()})
	w.add(e)
	return w.null(f.typ.nonNull[0])
}

// value writes a value at one level of its type: a list at all levels but the
// last.
func (w *writer) value(v value, f *field, level int, sel *selection, typ typeID) bool {
	mark := len(w.out)
	started := w.delivery.mark()
	var ok bool
	switch {
	case level < int(f.lists):
		switch {
		case v.kind == arrayKind:
			ok = w.list(v, f, level+1, sel, typ)
		case v.kind == rawKind && f.sel == nil && w.tree.text(v)[0] == '[':
			ok = w.rawList(v, f, level+1, sel, typ)
		default:
			return w.invalid(v, f, f.typ.nonNull[level], sel, typ)
		}
	case f.sel == nil:
		if !w.leaf(v, f) {
			return w.invalid(v, f, f.typ.nonNull[level], sel, typ)
		}
		ok = true
	case v.kind == objectKind && w.gaps != nil && w.tree.awaits(v.a):
		ok = w.incomplete(v, f, level, sel, typ)
	case v.kind == objectKind:
		of, known := w.typeOf(v, f)
		if !known {
			return w.invalid(v, f, f.typ.nonNull[level], sel, typ)
		}
		as := of
		if of == noType {
			if as, known = w.untypedAs(f.sel); !known {
				w.delivery.cut(started, w.path)
				return w.untyped(v.a, f.typ.nonNull[level], f.sel)
			}
		}
		if w.fragmentID > 0 && w.delivery.isNull(w.path) {
			return w.null(f.typ.nonNull[level])
		}
		if w.delivery != nil {
			w.delivery.begin(w.path, v, f, f.sel, of)
		}
		ok = w.object(v.a, f.sel, as)
	default:
		return w.invalid(v, f, f.typ.nonNull[level], sel, typ)
	}
	if ok && w.fits() {
		return true
	}
	w.out = w.out[:mark]
	if w.gaps != nil {
		w.cutGaps()
	}
	w.delivery.cut(started, w.path)
	return w.null(f.typ.nonNull[level])
}

// typeOf returns the type of an object, or noType if the plan does not ask for
// it. It returns false for a type that the field cannot have.
func (w *writer) typeOf(v value, f *field) (typeID, bool) {
	t := w.tree.values[v.a].typ
	switch {
	case t == noType || w.program.interfaceObjects.has(t) && !f.sel.possible.has(t):
		return f.sel.declared, true
	case t == unknownType || !f.sel.possible.has(t):
		return noType, false
	default:
		return t, true
	}
}

// needsType reports whether the fields to write depend on the object's type.
func (w *writer) needsType(sel *selection) bool {
	return slices.ContainsFunc(sel.fields, func(f field) bool {
		return f.on() != nil && (w.delivery == nil || w.concerns(&f))
	})
}

// untyped reports that no subgraph has returned the type of an object, unless an
// error says so already: a subgraph for which the type is an @interfaceObject
// does not know it, and the interface's owner may not know the entity. The
// object is null then (GraphQL, section 6.4.3, ResolveAbstractType). Without
// its fragments it would look like an object of another type.
func (w *writer) untyped(object uint32, nonNull bool, sel *selection) bool {
	if w.tree.values[object].flags&reportedFlag == 0 {
		w.add(responseError{
			fetchID: projectionErrors, deferID: w.deferID, path: slices.Clone(w.path), code: CodeInvalidValue,
			message: fmt.Sprintf("The type of this %s is not known.", sel.typeName()),
		})
	}
	return w.null(nonNull)
}

func (w *writer) null(nonNull bool) bool {
	if nonNull {
		return false
	}
	w.out = append(w.out, "null"...)
	return true
}

// invalid writes null for a value that is absent or not valid, and adds an
// error if the type demands one and no error has been added yet.
func (w *writer) invalid(v value, f *field, nonNull bool, sel *selection, typ typeID) bool {
	if v.missing() && !nonNull {
		return w.null(false)
	}
	if !v.missing() || v.flags&reportedFlag == 0 {
		parent := sel.typeName()
		if typ != noType {
			parent = w.program.typeName(typ)
		}
		e := responseError{fetchID: projectionErrors, deferID: w.deferID, path: slices.Clone(w.path), code: CodeInvalidValue}
		if v.missing() {
			e.message = fmt.Sprintf("Cannot return null for non-nullable field %s.%s.", parent, f.responseKey())
		} else {
			e.message = fmt.Sprintf("The value of %s.%s is not a valid %s.", parent, f.responseKey(), f.typ.name)
		}
		w.add(e)
	}
	return w.null(nonNull)
}

func (w *writer) list(v value, f *field, level int, sel *selection, typ typeID) bool {
	w.out = append(w.out, '[')
	w.path = append(w.path, pathElement{})
	top := len(w.path) - 1
	ok := true
	for i := uint32(0); i < v.b && ok; i++ {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.path[top].index = int(i)
		ok = w.value(w.tree.values[v.a+i], f, level, sel, typ) && w.fits()
	}
	w.path = w.path[:top]
	w.out = append(w.out, ']')
	return ok
}

// rawList writes a list of leaves that is stored as text.
func (w *writer) rawList(v value, f *field, level int, sel *selection, typ typeID) bool {
	if len(w.out) > w.limit && !w.extend() {
		return false
	}
	w.out = append(w.out, '[')
	w.path = append(w.path, pathElement{})
	top := len(w.path) - 1
	b := w.tree.bodies[v.body]
	ok := true
	i, more := first(b, int(v.a), ']')
	for n := 0; more && ok; n++ {
		if n > 0 {
			w.out = append(w.out, ',')
		}
		w.path[top].index = n
		end := jsonscan.Value(b, i)
		item := value{a: uint32(i), b: uint32(end - i), place: place{body: v.body}, tag: tag{kind: kindOfText(b[i])}}
		ok = w.value(item, f, level, sel, typ) && w.fits()
		i, more = jsonscan.Next(b, end, ']')
	}
	w.path = w.path[:top]
	w.out = append(w.out, ']')
	return ok
}

func kindOfText(c byte) kind {
	switch c {
	case '"':
		return stringKind
	case '{', '[':
		return rawKind
	case 't':
		return trueKind
	case 'f':
		return falseKind
	case 'n':
		return nullKind
	default:
		return numberKind
	}
}

// leaf writes a leaf. It returns false, and writes nothing, if the leaf is absent
// or not valid.
func (w *writer) leaf(v value, f *field) bool {
	if v.missing() || v.composite() {
		return false
	}
	text := w.tree.text(v)
	ok := false
	switch f.kind {
	case stringValue:
		ok = v.kind == stringKind
	case intValue:
		if v.kind == numberKind {
			w.out, ok = appendInt(w.out, text)
		}
		return ok
	case floatValue:
		ok = v.kind == numberKind
	case booleanValue:
		ok = v.kind == trueKind || v.kind == falseKind
	case idValue:
		if v.kind == numberKind {
			w.out, ok = appendID(w.out, text)
			return ok
		}
		ok = v.kind == stringKind
	case enumValue:
		ok = v.kind == stringKind && isEnum(text, f.enum())
	case anyValue:
		ok = true
	}
	if ok {
		w.out = append(w.out, text...)
	}
	return ok
}

func isEnum(text []byte, values []string) bool {
	text = plain(text)
	text = text[1 : len(text)-1]
	for _, v := range values {
		if string(text) == v {
			return true
		}
	}
	return false
}
