package execute

import (
	"slices"
	"strconv"
)

// This file has what is specific to the format Fragments: each instance of a
// payload is delivered with everything that its fragment selects. Fields that
// several fragments select are written again for each, so that a fragment waits
// only for its own data, and not for another fragment.

// instanceKey identifies an instance within a delivery.
func instanceKey(p *deferredPayload, path []pathElement) string {
	return string(appendPath(append(strconv.AppendInt(nil, int64(p.id), 10), ' '), path))
}

// drop drops the instances at and below an object that became null for the
// client.
func (d *delivery) drop(path []pathElement) {
	for _, i := range d.instances {
		if !d.delivered[i.payload.id] && hasPath(i.path, path) {
			i.failed, i.dropped = true, true
		}
	}
}

// collectFragment writes everything that an instance's fragment selects.
func (d *delivery) collectFragment(i *instance, typ typeID) {
	w := &d.writer
	w.deferID, w.fragmentID = i.payload.id, i.payload.id
	w.path, w.out = append(w.path[:0], i.path...), nil
	defer func() { w.fragmentID, w.out = 0, nil }()
	if typ == noType {
		as, known := w.untypedAs(i.sel)
		if !known {
			w.untyped(i.object.a, true, i.sel)
			i.failed = true // the client already has the object
			return
		}
		typ = as
	}
	if !slices.ContainsFunc(i.sel.fields, func(f field) bool { return w.includes(&f) && f.has(typ) }) {
		return // the fragment is for another type
	}
	mark := d.mark()
	d.beginEntry(i, i.path)
	if w.object(i.object.a, i.sel, typ) && !w.overlong {
		if d.addEntry(i, i.path, w.out); d.fitsBeside(i) {
			return
		}
		i.entries = nil
	}
	i.failed = true
	d.forget(mark)
}

// isOmitted reports whether the client is not told of an instance.
func (i *instance) isOmitted() bool { return i.dropped || len(i.entries) == 0 && !i.failed }

// appendFragment appends the fragment of an instance, as a member of a list, with errors. If it is bare,
// the data is left out.
func (i *instance) appendFragment(b []byte, errors []responseError, bare bool) []byte {
	b = append(b, `{"data":`...)
	switch {
	case bare:
	case i.failed:
		b = append(b, "null"...)
	default:
		b = append(b, i.entries[0].data...)
	}
	b = append(appendPath(append(b, `,"path":`...), i.path), i.payload.label...)
	if len(errors) > 0 {
		b = appendErrors(append(b, errorsKey...), errors)
	}
	return append(b, `},`...)
}
