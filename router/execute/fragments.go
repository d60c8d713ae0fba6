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
	if w.object(i.object.a, i.sel, typ) && !w.overlong {
		d.addEntry(i, i.path, w.out)
		return
	}
	i.failed = true
	d.forget(mark)
}

// furtherFragments emits the response that delivers some instances. more says that others are written already.
// Without any data there is a response only to tell that it is the last.
func (d *delivery) furtherFragments(done []*instance, more bool) error {
	d.announce(nil, done)
	buffer := NewBuffer(1 << minBuffer)
	buffer.B = append(buffer.B, '{')
	out := buffer.B
	response := new(Response)
	start := len(out)
	for _, i := range done {
		if i.dropped || len(i.entries) == 0 && !i.failed {
			continue
		}
		if len(out) == start {
			out = append(out, `"incremental":[`...)
		} else {
			out = append(out, ',')
		}
		out = append(out, `{"data":`...)
		if i.failed {
			out = append(out, "null"...)
		} else {
			out = append(out, i.entries[0].data...)
		}
		out = append(appendPath(append(out, `,"path":`...), i.path), i.payload.label...)
		if len(i.errors) > 0 {
			out = appendErrors(append(out, `,"errors":`...), i.errors)
		}
		out = append(out, '}')
		response.Errors += len(i.errors)
		response.Codes, response.Services = append(response.Codes, codes(i.errors)...), append(response.Services, services(i.errors)...)
	}
	empty := len(out) == start
	if !empty {
		out = append(out, `],`...)
	}
	if response.More = more || d.outstanding(); !response.More {
		response.Fetches = slices.Clone(d.response.Fetches)
	}
	out = append(strconv.AppendBool(append(out, `"hasNext":`...), response.More), '}')
	buffer.B = out
	response.buffer, response.Body = buffer, out
	if empty && response.More {
		response.Release()
		return nil
	}
	return d.emit(response)
}
