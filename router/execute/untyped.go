package execute

import "slices"

// untypedAs returns the type as which an object is written whose type is not known, and whether it
// can be: whether the fields to write do not depend on the type. In an incremental response they
// may seem to: what a later payload selects once more on one type is a field of its own for
// that type, and the type may be known only after the requests of that payload.
func (w *writer) untypedAs(sel *selection) (as typeID, ok bool) {
	if !sel.conditional || !w.needsType(sel) {
		return noType, true
	}
	if w.delivery == nil || sel.possible == nil {
		return noType, false
	}
	var fields []*field
	for t := firstType; int(t) < len(w.program.quoted); t++ {
		if !sel.possible.has(t) {
			continue
		}
		of := w.fieldsOf(sel, t)
		if as == noType {
			as, fields = t, of
		}
		if !slices.EqualFunc(fields, of, w.sameField) {
			return noType, false
		}
	}
	return as, as != noType
}

// fieldsOf returns the fields to write of an object of a type.
func (w *writer) fieldsOf(sel *selection, typ typeID) (fields []*field) {
	for i := range sel.fields {
		if f := &sel.fields[i]; f.has(typ) && w.includes(f) {
			fields = append(fields, f)
		}
	}
	return fields
}

// sameField reports whether the same is written for either of two fields of an object whose type is not known.
func (w *writer) sameField(a, b *field) bool {
	switch {
	case a.source == typenameSource || b.source == typenameSource:
		return false
	case a == b:
		return true
	}
	return a.name == b.name && a.slot == b.slot && a.source == storedSource && b.source == storedSource &&
		a.typ == b.typ && w.sameBelow(a.sel, b.sel)
}

// sameBelow does so for what is selected below them.
func (w *writer) sameBelow(a, b *selection) bool {
	if a == nil || b == nil {
		return a == b
	}
	if w.deferID > 0 || len(a.deferred) > 0 || len(b.deferred) > 0 {
		return false // later payloads find what they add by the selection that was written
	}
	inInitial := func(s *selection) (fields []*field) {
		for i := range s.fields {
			if f := &s.fields[i]; w.includes(f) {
				fields = append(fields, f)
			}
		}
		return fields
	}
	return slices.EqualFunc(inInitial(a), inInitial(b), func(x, y *field) bool {
		sameTypes := (x.on() == nil) == (y.on() == nil) && slices.Equal(x.on(), y.on())
		return sameTypes && (x.source == typenameSource && y.source == typenameSource && x.name == y.name || w.sameField(x, y))
	})
}
