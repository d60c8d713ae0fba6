package execute

import (
	"math"
	"slices"
	"strconv"
)

// This file makes and bounds the parts of an incremental response. Each part may be as long as
// another response (MaxResponseBytes), with everything but extensions. A fragment that does not fit beside
// others goes to a part of its own, with all objects that it applies to. One that does not fit alone is left
// out, and an error says so; so is the first part. A part of it would have nulls that nothing tells from
// others. Errors that do not fit beside data go to further parts. Only an error that is longer than the
// limit by itself exceeds it.

// A part is what the next response delivers. The text of each member of its lists ends with a comma.
type part struct {
	done                            []*instance
	pending, incremental, completed []byte
	inner                           int // how many instances those in done enclose
}

func (p *part) extent() extent {
	return extent{len(p.pending), len(p.incremental), len(p.completed), p.inner}
}

// cut takes back what has been added since the part had an extent.
func (p *part) cut(e extent) {
	p.pending, p.incremental, p.completed, p.inner = p.pending[:e.pending], p.incremental[:e.incremental], p.completed[:e.completed], e.inner
}

// join adds another part.
func (p *part) join(q part) {
	if len(p.done) == 0 {
		*p = q
		return
	}
	p.done, p.inner = append(p.done, q.done...), p.inner+q.inner
	p.pending, p.incremental, p.completed = append(p.pending, q.pending...), append(p.incremental, q.incremental...), append(p.completed, q.completed...)
}

// An extent has the lengths of the lists of a part, and the number of instances that those in it enclose.
type extent struct{ pending, incremental, completed, inner int }

func (e extent) plus(f extent) extent {
	return extent{e.pending + f.pending, e.incremental + f.incremental, e.completed + f.completed, e.inner + f.inner}
}

// size is the length of a part.
func (e extent) size(more bool) int {
	n := len(`{"hasNext":false}`)
	if more {
		n--
	}
	list := func(length int, name string) {
		if length > 0 {
			n += length - 1 + len(name) // without the last comma
		}
	}
	list(e.pending, `"pending":[],`)
	list(e.incremental, `"incremental":[],`)
	list(e.completed, `"completed":[],`)
	return n
}

// text appends the text of a part.
func (p *part) text(b []byte, more bool) []byte {
	list := func(name string, members []byte) {
		if len(members) > 0 {
			b = append(append(append(b, name...), members[:len(members)-1]...), `],`...)
		}
	}
	b = append(b, '{')
	list(`"pending":[`, p.pending)
	list(`"incremental":[`, p.incremental)
	list(`"completed":[`, p.completed)
	return append(strconv.AppendBool(append(b, `"hasNext":`...), more), '}')
}

// isBounded reports whether parts are bounded.
func (d *delivery) isBounded() bool { return d.executor.options.MaxResponseBytes > 0 }

// exceeds reports whether a part of some extent is too long.
func (d *delivery) exceeds(e extent) bool {
	return d.isBounded() && e.size(e.inner > 0 || d.outstanding()) > d.executor.options.MaxResponseBytes
}

// beginPart sets the limit of what is written next.
func (d *delivery) beginPart() {
	w := &d.writer
	w.most = math.MaxInt
	if d.isBounded() {
		w.most = d.executor.options.MaxResponseBytes
	}
	w.limit, w.exhausted = 2*w.responseBytes+freeBytes, false
	d.written = extent{}
}

// beginInstance notes which instance is written. Each has an error of its own if its data does not fit.
func (d *delivery) beginInstance(i *instance) {
	d.writer.overlong, d.writing, d.extent = false, i, extent{}
	if d.isBounded() && d.started == nil {
		d.scratch = d.appendCompleted(d.scratch[:0], i, true)
		d.extent.completed = len(d.scratch)
	}
}

// beginEntry sets the limit for the data of an entry.
func (d *delivery) beginEntry(i *instance, path []pathElement) {
	if !d.isBounded() {
		return
	}
	if d.started != nil {
		d.scratch = i.appendFragment(d.scratch[:0], nil, true)
	} else {
		d.scratch = i.appendEntry(d.scratch[:0], entry{path: path}, nil)
	}
	d.extent.incremental += len(d.scratch)
	d.writer.most = d.executor.options.MaxResponseBytes - d.written.plus(d.extent).size(true)
}

// addEntry adds data to an instance.
func (d *delivery) addEntry(i *instance, path []pathElement, data []byte) {
	i.entries = append(i.entries, entry{slices.Clone(path), data})
	d.extent.incremental += len(data)
}

// fitsBeside reports whether an instance, without errors, fits into the part that is written. Otherwise,
// it adds an error.
func (d *delivery) fitsBeside(i *instance) bool {
	if !d.isBounded() {
		return true
	}
	d.extent.inner = len(i.inner)
	for n := 0; n < len(i.inner) && d.started == nil; n++ {
		d.scratch = i.inner[n].announce(d.scratch[:0], strconv.Itoa(d.ids+d.written.inner+n))
		d.extent.pending += len(d.scratch)
	}
	if all := d.written.plus(d.extent); len(i.entries) == 0 || !d.exceeds(all) {
		d.written = all
		return true
	}
	d.writer.overlong = true
	d.writer.add(d.lengthErrorAt(i))
	return false
}

func (d *delivery) lengthErrorAt(i *instance) responseError {
	e := d.writer.lengthError()
	e.deferID, e.path = i.payload.id, i.path
	return e
}

// partsOf makes the parts of instances that have been written since beginPart: mostly one.
func (d *delivery) partsOf(done []*instance) (parts []part) {
	var last part
	for _, i := range done {
		before := last.extent()
		if d.appendInstance(&last, i); d.exceeds(last.extent()) {
			if last.cut(before); len(last.done) > 0 {
				parts, last = append(parts, last), part{}
			}
			d.shorten(i)
			d.appendInstance(&last, i)
		}
		last.done = append(last.done, i)
		d.tell(i)
	}
	if len(last.done) > 0 {
		parts = append(parts, last)
	}
	return parts
}

// shorten replaces what an instance has by less, until it fits into a part of its own.
func (d *delivery) shorten(i *instance) {
	tooLong := func() bool {
		var alone part
		d.appendInstance(&alone, i)
		return d.exceeds(alone.extent())
	}
	if len(i.errors) > 0 && tooLong() {
		i.errors = []responseError{d.lengthErrorAt(i)}
	}
	if tooLong() && !i.failed {
		d.fail(i)
		i.errors = []responseError{d.lengthErrorAt(i)}
	}
	if tooLong() && len(i.errors) > 0 {
		i.errors[0].path = nil
	}
}

// fail takes back what an instance was to deliver.
func (d *delivery) fail(i *instance) {
	i.failed, i.entries = true, nil
	delete(d.succeeded, instanceKey(i.payload, i.path))
	for _, path := range i.nulls {
		delete(d.nulled, path)
	}
	for _, inner := range i.inner {
		inner.failed = true
	}
}

// appendInstance appends the text of an instance to a part. Those that it encloses have no IDs yet.
func (d *delivery) appendInstance(p *part, i *instance) {
	p.incremental = d.appendEntries(p.incremental, i)
	if !i.failed {
		p.inner += len(i.inner)
	}
	if d.started != nil {
		return
	}
	p.completed = d.appendCompleted(p.completed, i, false)
	for n := 0; n < len(i.inner) && !i.failed; n++ {
		p.pending = i.inner[n].announce(p.pending, strconv.Itoa(d.ids+n))
	}
}

// tell notes that the next part has an instance, and gives IDs to those that it encloses.
func (d *delivery) tell(i *instance) {
	i.told = true
	for n := 0; n < len(i.inner) && !i.failed; n++ {
		i.inner[n].id = strconv.Itoa(d.ids)
		d.ids++
	}
}

// announce appends what tells the client of an instance.
func (i *instance) announce(b []byte, id string) []byte {
	b = appendPath(append(append(append(b, `{"id":"`...), id...), `","path":`...), i.path)
	return append(append(b, i.payload.label...), `},`...)
}

// appendEntries appends the data of an instance and the errors that belong to it.
func (d *delivery) appendEntries(b []byte, i *instance) []byte {
	if d.started != nil {
		if i.isOmitted() {
			return b
		}
		return i.appendFragment(b, i.errors, false)
	}
	errors := i.errors
	for n := 0; n < len(i.entries) && !i.failed; n++ {
		b, errors = i.appendEntry(b, i.entries[n], errors), nil
	}
	return b
}

// appendEntry appends an entry and errors.
func (i *instance) appendEntry(b []byte, e entry, errors []responseError) []byte {
	b = append(append(append(b, `{"id":"`...), i.id...), '"')
	if len(e.path) > len(i.path) {
		b = appendPath(append(b, `,"subPath":`...), e.path[len(i.path):])
	}
	b = append(append(b, `,"data":`...), e.data...)
	if len(errors) > 0 {
		b = appendErrors(append(b, errorsKey...), errors)
	}
	return append(b, `},`...)
}

// appendCompleted appends what tells the client that an instance is complete, with its errors unless its
// data has them.
func (d *delivery) appendCompleted(b []byte, i *instance, bare bool) []byte {
	b = append(append(append(b, `{"id":"`...), i.id...), '"')
	if !bare && len(i.errors) > 0 && (i.failed || len(i.entries) == 0) {
		b = appendErrors(append(b, errorsKey...), i.errors)
	}
	return append(b, `},`...)
}

const errorsKey = `,"errors":`

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
