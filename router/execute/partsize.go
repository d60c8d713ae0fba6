package execute

import (
	"math"
	"slices"
)

// This file bounds the parts of an incremental response. Each part may be as long as
// another response (MaxResponseBytes). A fragment that does not fit beside others goes to a part of its
// own, with all objects that it applies to. One that does not fit alone is left out, and an error says so;
// so is the first part. A part of it would have nulls that nothing tells from others.
// The size includes what surrounds the data, but not extensions and the errors about the
// size itself.

// envelopeSize is how many bytes surround the data or the announcement of an instance, at
// most, without its path and label. completedSize is how many tell that an instance is
// completed.
const (
	envelopeSize  = 56
	completedSize = 20
)

// A part is what the next response delivers, with its size in bytes.
type part struct {
	done []*instance
	size int
}

// partOf returns the part with the instances of a payload, which have been written since beginPart.
func (d *delivery) partOf(done []*instance) part {
	most := d.executor.options.MaxResponseBytes
	if most <= 0 || len(done) == 0 {
		return part{done: done}
	}
	var errors []responseError
	for _, i := range done {
		errors = append(errors, i.errors...)
	}
	return part{done, most - d.writer.most + errorSize(errors)}
}

// fitsOne reports whether two parts can be one.
func (d *delivery) fitsOne(a, b part) bool {
	most := d.executor.options.MaxResponseBytes
	return most <= 0 || a.size+b.size <= most
}

// errorSize is how long errors are, without those about the size.
func errorSize(errors []responseError) int {
	others := slices.DeleteFunc(slices.Clone(errors), func(e responseError) bool { return e.fetchID == projectionErrors && e.code == CodeMaxResponseBytes })
	if len(others) == 0 {
		return 0
	}
	return len(appendErrors(nil, others))
}

// beginPart sets the size of the next part.
func (d *delivery) beginPart() {
	w := &d.writer
	w.most = math.MaxInt
	if most := w.executor.options.MaxResponseBytes; most > 0 {
		w.most = most
	}
	w.limit, w.exhausted, w.overlong = 2*w.responseBytes+freeBytes, false, false
}

// beginInstance sets what a part needs for an instance aside. Each instance has an error
// of its own if its data does not fit.
func (d *delivery) beginInstance() {
	d.writer.overlong = false
	d.writer.most -= completedSize
}

// addEntry adds data to an instance.
func (d *delivery) addEntry(i *instance, path []pathElement, data []byte) {
	i.entries = append(i.entries, entry{slices.Clone(path), data})
	d.writer.most -= len(data) + envelopeSize + pathSize(path) + len(i.payload.label)
}

// announcementSize is how many bytes tell the client of an instance, at most.
func (d *delivery) announcementSize(i *instance) int {
	if d.started != nil { // the format Fragments has no announcements
		return 0
	}
	return envelopeSize + pathSize(i.path) + len(i.payload.label)
}

// pathSize is how long a path is in JSON, at most: an index has up to ten digits.
func pathSize(path []pathElement) (n int) {
	for _, e := range path {
		n += max(len(e.key)+3, 11)
	}
	return n
}

// fits reports whether what is written does not exceed the size of the part. Otherwise,
// it adds an error unless one has been added.
func (w *writer) fits() bool {
	if len(w.out) <= w.most {
		return true
	}
	if !w.overlong {
		w.overlong = true
		e := w.lengthError()
		e.path = slices.Clone(w.path)
		w.add(e)
	}
	return false
}

// tooLarge writes null in place of the value of a field that does not fit.
func (w *writer) tooLarge(f *field, mark int) bool {
	w.path = append(w.path, pathElement{key: f.responseKey()})
	w.fits() // it does not
	w.path = w.path[:len(w.path)-1]
	w.out = w.out[:mark]
	return w.null(f.typ.nonNull[0])
}

// fit reports whether the errors fit into a part besides data.
func (d *delivery) fit(data int, errors []responseError) bool {
	most := d.executor.options.MaxResponseBytes
	if most <= 0 || len(errors) == 0 {
		return true
	}
	size := errorSize(errors)
	return size == 0 || data+size <= most
}

// fitErrors replaces the errors of instances by one each that says that they are missing,
// if they do not fit into the part with the data.
func (d *delivery) fitErrors(done []*instance) {
	size := 0
	var all []responseError
	for _, i := range done {
		for _, e := range i.entries {
			size += len(e.data)
		}
		all = append(all, i.errors...)
	}
	if d.fit(size, all) {
		return
	}
	for _, i := range done {
		if len(i.errors) > 0 {
			e := d.writer.lengthError()
			e.deferID, e.path = i.payload.id, i.path
			i.errors = []responseError{e}
		}
	}
}
