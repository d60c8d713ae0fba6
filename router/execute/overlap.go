package execute

import "slices"

// This file has what is specific to the format Pending where several payloads select the
// same fields. The payload with the lowest ID delivers such a field, and the others wait
// for it: a payload must not be completed before the client has all of its fields. Where
// that payload fails, the next one delivers the field.

// collectInstance writes what an instance adds to the response. If the instance fails, it
// also takes back what the writing noted, because a later payload may deliver the same
// objects.
func (d *delivery) collectInstance(i *instance, typ typeID) {
	mark := d.mark()
	d.newNulls = d.newNulls[:0]
	d.collect(i, i.object.a, i.sel, typ, slices.Clone(i.path))
	if !i.failed && !d.fitsBeside(i) {
		i.failed = true
	}
	if d.isBounded() {
		i.nulls = slices.Clone(d.newNulls)
	}
	switch {
	case i.failed:
		d.forget(mark)
		i.entries = nil
		for _, path := range d.newNulls {
			delete(d.nulled, path)
		}
	case d.succeeded != nil:
		d.succeeded[instanceKey(i.payload, i.path)] = true
		d.depths[i.payload.id] = len(i.path)
	}
}

// isDelivered reports whether a payload before the one that is written has delivered a
// field of the object at a path.
func (d *delivery) isDelivered(f *field, path []pathElement) bool {
	for _, q := range d.program.payloads[:d.writer.deferID-1] {
		if depth, ok := d.depths[q.id]; ok && f.special.carriers.has(q.id) && depth <= len(path) && d.succeeded[instanceKey(q, path[:depth])] {
			return true
		}
	}
	return false
}

// inheritErrors adds the errors that explain what is missing from an instance, but that
// other instances report: one error of a request concerns all instances of its payload,
// and errors of a failed payload concern those that deliver its fields instead. A failed
// instance always has an error, because without one it would look complete. The errors
// reported are those of the instance's payload; lost are those of failed payloads.
func (i *instance) inheritErrors(reported, lost []responseError) {
	if i.dropped {
		return // the client is not told of it
	}
	if i.failed && len(i.errors) == 0 {
		i.inherit(reported)
	}
	i.inherit(lost)
	if i.failed && len(i.errors) == 0 {
		i.errors = []responseError{{
			fetchID: projectionErrors, deferID: i.payload.id, path: i.path, code: CodeInvalidValue,
			message: "The deferred data is missing because of an error reported earlier.",
		}}
	}
}

// errorsLost returns the errors about objects for which a payload delivers fields because
// others failed.
func (d *delivery) errorsLost(p *deferredPayload) (lost []responseError) {
	if d.succeeded == nil || len(p.overlapping) == 0 {
		return nil
	}
	for _, e := range append(d.lost[:len(d.lost):len(d.lost)], d.errors...) {
		overlaps := slices.ContainsFunc(p.overlapping, func(q *deferredPayload) bool {
			depth, ok := d.depths[q.id]
			return q.id == e.deferID && (!ok || depth > len(e.path) || !d.succeeded[instanceKey(q, e.path[:depth])])
		})
		if overlaps {
			lost = append(lost, e)
		}
	}
	return lost
}

func (i *instance) inherit(errors []responseError) {
	for _, e := range errors {
		if i.selects(e.path) {
			i.errors = append(i.errors, e)
		}
	}
}

// selects reports whether the value at a path is in the fragment of an instance, or
// contains it.
func (i *instance) selects(path []pathElement) bool {
	if !hasPath(path, i.path) {
		return hasPath(i.path, path)
	}
	return i.sel.selects(path[len(i.path):], i.payload.id)
}

// selects reports whether a payload selects the value at a path below an object.
func (s *selection) selects(path []pathElement, payload int) bool {
	for len(path) > 0 && path[0].key == "" {
		path = path[1:] // an index
	}
	if s == nil || len(path) == 0 {
		return true
	}
	return slices.ContainsFunc(s.fields, func(f field) bool {
		return f.responseKey() == path[0].key && f.special.selectedIn.has(payload) && f.sel.selects(path[1:], payload)
	})
}
