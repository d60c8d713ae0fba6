package execute

import (
	"slices"
	"strings"
)

// This file has what is specific to objects of unknown type in an incremental response. What a later
// payload selects once more on one type is a field of its own for that type, and the type may be known
// only after the requests of that payload. A payload can be written without the type if it has the same
// of all types.

// untypedAs returns the type as which an object is written whose type is not known, and whether it
// can be: whether the payload that is written has the same of all types.
func (w *writer) untypedAs(sel *selection) (as typeID, ok bool) {
	if !sel.conditional || !w.needsType(sel) {
		return noType, true
	}
	if w.delivery == nil || sel.possible == nil {
		return noType, false
	}
	var fields []*field
	var alike []fieldPair
	for t := firstType; int(t) < len(w.program.quoted); t++ {
		if !sel.possible.has(t) {
			continue
		}
		of := w.fieldsOf(sel, t)
		if as == noType {
			as, fields = t, of
		}
		isTypename := func(f *field) bool { return f.source == typenameSource }
		if slices.ContainsFunc(of, isTypename) || !w.sameFields(fields, of, &alike) {
			return noType, false
		}
	}
	w.delivery.untyped = true
	return as, as != noType
}

// concerns reports whether the payload that is written has a field, or something below it.
func (w *writer) concerns(f *field) bool {
	return w.includes(f) || w.deferID > 0 && w.fragmentID == 0 && f.special.payloadsBelow.has(w.deferID)
}

// fieldsOf returns the fields of an object of a type that concern the payload that is written, by their names.
func (w *writer) fieldsOf(sel *selection, typ typeID) (fields []*field) {
	for i := range sel.fields {
		if f := &sel.fields[i]; f.has(typ) && w.concerns(f) {
			fields = append(fields, f)
		}
	}
	slices.SortFunc(fields, func(a, b *field) int { return strings.Compare(a.name, b.name) })
	return fields
}

// A fieldPair is a pair of fields for each of which the same is written. Types have many fields in common.
type fieldPair [2]*field

// sameFields reports whether the same is written for either of two lists of fields. It adds to the pairs that are known.
func (w *writer) sameFields(a, b []*field, alike *[]fieldPair) bool {
	return slices.EqualFunc(a, b, func(f, g *field) bool {
		if f == g || slices.Contains(*alike, fieldPair{f, g}) {
			return true
		}
		*alike = append(*alike, fieldPair{f, g})
		return w.sameField(f, g)
	})
}

// sameField reports whether the same is written for either of two fields.
func (w *writer) sameField(a, b *field) bool {
	if a.name != b.name || a.source != b.source || w.includes(a) != w.includes(b) {
		return false
	}
	if a.source == typenameSource {
		return true
	}
	return a.source == storedSource && a.slot == b.slot && a.typ == b.typ && w.sameCarriers(a, b) && w.sameBelow(a.sel, b.sel)
}

// sameCarriers reports whether the same payloads can have delivered either of two fields.
func (w *writer) sameCarriers(a, b *field) bool {
	for id := 1; id < w.deferID; id++ {
		if a.special.carriers.has(id) != b.special.carriers.has(id) {
			return false
		}
	}
	return true
}

// sameBelow reports whether the same is written for either of two selections of one type.
func (w *writer) sameBelow(a, b *selection) bool {
	if a == nil || b == nil || a == b {
		return a == b
	}
	var alike []fieldPair
	if !a.conditional && !b.conditional {
		return w.sameFields(w.fieldsOf(a, noType), w.fieldsOf(b, noType), &alike)
	}
	for t := firstType; int(t) < len(w.program.quoted); t++ {
		if a.possible.has(t) && !w.sameFields(w.fieldsOf(a, t), w.fieldsOf(b, t), &alike) {
			return false
		}
	}
	return true
}

// fieldsAt returns the fields that have the object at a path. There are several below an object whose type
// is not known.
func (d *delivery) fieldsAt(path []pathElement) (fields []*field) {
	at := value{tag: tag{kind: objectKind}}
	typ := d.program.rootType
	selections := []*selection{d.program.projection}
	for _, e := range path {
		if e.key == "" {
			at = d.tree.values[at.a+uint32(e.index)]
			continue
		}
		if len(fields) > 0 {
			typ, _ = d.writer.typeOf(at, fields[0])
		}
		fields = nil
		for _, s := range selections {
			for i := range s.fields {
				if f := &s.fields[i]; f.sel != nil && f.responseKey() == e.key && (typ == noType || f.has(typ)) {
					fields = append(fields, f)
				}
			}
		}
		if len(fields) == 0 {
			return nil
		}
		selections = selections[:0]
		for _, f := range fields {
			selections = append(selections, f.sel)
		}
		at = d.tree.values[at.a+uint32(fields[0].slot)]
	}
	return fields
}

// resolve finds the selection of an instance below an object whose type was not known when the instance began.
// It fails if the type is still not known and matters.
func (d *delivery) resolve(i *instance) bool {
	fields := d.fieldsAt(i.path)
	if len(fields) == 0 {
		return true // only without the types of others
	}
	w := &d.writer
	w.deferID, w.path = i.payload.id, append(w.path[:0], i.path...)
	if d.started != nil {
		w.fragmentID = i.payload.id
		defer func() { w.fragmentID = 0 }()
	}
	i.in, i.sel = fields[0], fields[0].sel
	for _, f := range fields[1:] {
		if !w.sameBelow(i.sel, f.sel) {
			i.failed = true
			return w.untyped(i.object.a, true, i.sel)
		}
	}
	return true
}
