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

// The text of a part, but for data, paths, labels and errors.
const (
	firstFrame   = `,"pending":[],"hasNext":true}` // behind the data
	partFrame    = `{"pending":[],"incremental":[],"completed":[],"hasNext":false}`
	announcement = `{"id":"","path":[]},`
	envelope     = `{"id":"","subPath":[],"data":},`
	completion   = `{"id":""},`
	fragment     = `{"data":null,"path":[]},` // in the format Fragments
	errorsKey    = `,"errors":`
)

// maxID is how many digits the ID of an instance has at most, which gets it with its announcement.
const maxID = 10

func (i *instance) idSize() int {
	if i.id == "" {
		return maxID
	}
	return len(i.id)
}

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
	size := most - d.writer.most
	for _, i := range done {
		size += errorSize(i.errors)
	}
	return part{done, size}
}

// fitsOne reports whether two parts can be one.
func (d *delivery) fitsOne(a, b part) bool {
	most := d.executor.options.MaxResponseBytes
	return most <= 0 || a.size+b.size-len(partFrame) <= most
}

// errorSize is how long the errors of a response or an instance are, without those about the size.
func errorSize(errors []responseError) int {
	others := slices.DeleteFunc(slices.Clone(errors), func(e responseError) bool { return e.fetchID == projectionErrors && e.code == CodeMaxResponseBytes })
	if len(others) == 0 {
		return 0
	}
	return len(errorsKey) + len(appendErrors(nil, others))
}

// beginPart sets the size of what the next part has besides its frame.
func (d *delivery) beginPart(frame string) {
	w := &d.writer
	w.most = math.MaxInt
	if most := w.executor.options.MaxResponseBytes; most > 0 {
		w.most = most - len(frame)
	}
	w.limit, w.exhausted, w.overlong = 2*w.responseBytes+freeBytes, false, false
}

// beginInstance sets aside what a part needs for an instance without data. Each instance has an error
// of its own if its data does not fit.
func (d *delivery) beginInstance(i *instance) {
	d.writer.overlong = false
	if d.started != nil {
		d.writer.most -= len(fragment) + pathSize(i.path) + len(i.payload.label)
	} else {
		d.writer.most -= len(completion) + i.idSize() + i.announcing
	}
}

// beginEntry sets aside what surrounds the data of an entry.
func (d *delivery) beginEntry(i *instance, path []pathElement) {
	if d.started == nil {
		d.writer.most -= len(envelope) + i.idSize() + pathSize(path[len(i.path):])
	}
}

// addEntry adds data to an instance.
func (d *delivery) addEntry(i *instance, path []pathElement, data []byte) {
	i.entries = append(i.entries, entry{slices.Clone(path), data})
	d.writer.most -= len(data)
}

// reserve sets aside what tells the client of a new instance: in this part, or in that of the instance
// that encloses it. With sign -1, it takes that back.
func (d *delivery) reserve(i *instance, sign int) {
	if d.started != nil { // the format Fragments has no announcements
		return
	}
	size := sign * (len(announcement) + maxID + pathSize(i.path) + len(i.payload.label))
	if i.outer != nil {
		i.outer.announcing += size
	}
	if i.outer == nil || i.outer.payload.id == d.writer.deferID {
		d.writer.most -= size
	}
}

// pathSize is how long a path is in JSON, without its brackets.
func pathSize(path []pathElement) (n int) {
	for _, e := range path {
		n += len(e.key) + len(`"",`)
		for index := e.index; e.key == "" && index > 9; index /= 10 {
			n++ // one digit is in place of the quotes
		}
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

// fit reports whether the errors fit into the first part besides data.
func (d *delivery) fit(data int, errors []responseError) bool {
	if d.executor.options.MaxResponseBytes <= 0 {
		return true
	}
	size := errorSize(errors)
	return size == 0 || data+size <= d.writer.most
}

// fitErrors replaces the errors of instances by one each that says that they are missing,
// if they do not fit into their part.
func (d *delivery) fitErrors(p part) {
	if most := d.executor.options.MaxResponseBytes; most <= 0 || p.size <= most {
		return
	}
	for _, i := range p.done {
		if len(i.errors) > 0 {
			e := d.writer.lengthError()
			e.deferID, e.path = i.payload.id, i.path
			i.errors = []responseError{e}
		}
	}
}
