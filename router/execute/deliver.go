package execute

import (
	"context"
	"slices"
	"strconv"

	"souk/router/operation"
)

// Incremental is a format of incremental responses.
type Incremental uint8

const (
	// Pending is the format of the incremental delivery draft: pending,
	// incremental, completed and hasNext. No field is delivered twice.
	Pending Incremental = iota
	// Fragments is the format of the draft of August 2022, which Apollo calls
	// deferSpec=20220824 and incrementalSpec=v0.1: incremental, with data, path
	// and label of each fragment, and hasNext. The data is the whole fragment,
	// including fields it has in common with others.
	Fragments
)

// Deliver answers like Execute, with deferred payloads: emit gets an initial
// response without them, and then further ones as their data arrives, in the
// format of the request. It releases each. Deliver returns when everything is
// delivered, or with emit's error.
func (e *Executor) Deliver(ctx context.Context, req *Request, emit func(*Response) error) error {
	if len(req.Program.payloads) == 0 {
		return emit(e.Execute(ctx, req))
	}
	ctx, cancel := context.WithCancel(ctx)
	x := e.start(req)
	d := &delivery{execution: x, emit: emit, delivered: make([]bool, len(req.Program.payloads)+1), nulled: make(map[string]bool)}
	if req.Incremental == Fragments {
		d.started = make(map[string]bool)
	} else if slices.ContainsFunc(req.Program.payloads, func(p *deferredPayload) bool { return len(p.overlapping) > 0 }) {
		d.succeeded, d.depths = make(map[string]bool), make(map[int]int)
	}
	x.writer.execution, x.writer.delivery = x, d
	x.schedule(ctx, d.next)
	// The remaining fetches are for payloads that can no longer be delivered.
	cancel()
	x.drain()
	x.response.Fetches = x.response.Fetches[:0]
	x.finish()
	x.lease.Release()
	x.free()
	return d.err
}

// A delivery delivers a response incrementally.
type delivery struct {
	*execution
	emit func(*Response) error
	err  error
	// begun is set once the initial response is emitted.
	begun bool
	// delivered says of each payload, by its ID, whether it is delivered.
	delivered []bool
	// instances are the payloads' instances in what has been written so far.
	instances []*instance
	ids       int
	// nulled are the paths at which null was written for an object that the
	// tree has. Nothing can be delivered there any more.
	nulled map[string]bool
	// succeeded are the payloads and paths of the delivered instances that did
	// not fail, in the format Pending, with each payload's length of paths in
	// depths. Both stay empty unless payloads overlap.
	succeeded map[string]bool
	depths    map[int]int
	// lost are the errors of payloads of which instances failed, if payloads overlap.
	lost []responseError
	// newNulls are the paths that were added to nulled for the current instance.
	newNulls []string
	// untyped is set once an object of unknown type is written where types have fields of their own.
	untyped bool
	// writing is the instance that is written, and extent is its extent; nil for the initial response.
	// written is the extent of the instances before it that are for the same part.
	writing         *instance
	extent, written extent
	scratch         []byte
	// started are the payloads and paths of the instances, in the format
	// Fragments; nil in the format Pending.
	started map[string]bool
}

// An instance is a deferred payload as it applies to one object of the
// response.
type instance struct {
	payload *deferredPayload
	// outer is the instance that encloses this one; nil if none around it adds
	// anything to the response.
	outer  *instance
	id     string // empty until the client has been informed of it
	path   []pathElement
	object value
	// in is the field that has the object; nil for the root.
	in  *field
	sel *selection
	typ typeID
	// untyped is set if in and sel are those of one of the types that an object above may have.
	untyped bool
	// failed is set if a null propagated up to the object.
	failed bool
	errors []responseError
	// entries are what it adds to objects at or below path or, in the format
	// Fragments, the data of the whole fragment, at path.
	entries []entry
	// inner are those that the client is told of together with its data, and told is set once it is.
	inner []*instance
	told  bool
	// by is the instance with the object, unless the initial response has it.
	by *instance
	// nulls are the paths at which it has null for objects of the tree.
	nulls []string
	// dropped is set if the object became null for the client because of
	// another payload, in the format Fragments.
	dropped bool
}

type entry struct {
	path []pathElement
	data []byte
}

// mark and cut take back the instances below a value that became null.
func (d *delivery) mark() int {
	if d == nil {
		return 0
	}
	return len(d.instances)
}

func (d *delivery) cut(mark int, path []pathElement) {
	if d == nil {
		return
	}
	d.forget(mark)
	if at := string(appendPath(nil, path)); !d.nulled[at] {
		d.nulled[at] = true
		d.newNulls = append(d.newNulls, at)
	}
	if d.started != nil {
		d.drop(path)
	}
}

func (d *delivery) forget(mark int) {
	for _, i := range slices.Backward(d.instances[mark:]) {
		if teller := i.teller(); teller != nil {
			teller.inner = teller.inner[:len(teller.inner)-1]
		}
		delete(d.started, instanceKey(i.payload, i.path))
	}
	d.instances = d.instances[:mark]
}

// isNull reports whether null was delivered for a value.
func (d *delivery) isNull(path []pathElement) bool { return d.nulled[string(appendPath(nil, path))] }

// begin adds instances of the payloads that start at an object: those with
// fields for its type, or any if only a later fetch determines the type.
func (d *delivery) begin(path []pathElement, object value, in *field, sel *selection, typ typeID) {
	if sel.deferred == nil {
		return
	}
	var fields []*field
	if d.untyped {
		fields = d.fieldsAt(path)
	}
	for _, p := range *sel.deferred {
		if d.started[instanceKey(p, path)] || !d.applies(p, in, sel, typ) && !slices.ContainsFunc(fields, func(f *field) bool { return d.applies(p, f, f.sel, typ) }) {
			continue
		}
		if d.started != nil {
			d.started[instanceKey(p, path)] = true
		}
		i := &instance{payload: p, outer: d.outer(p, path), path: slices.Clone(path), object: object, in: in, sel: sel, typ: typ, untyped: len(fields) > 1, by: d.writing}
		d.instances = append(d.instances, i)
		if i.outer != nil && i.outer.told && !i.outer.failed {
			i.outer = nil
		}
		if teller := i.teller(); teller != nil {
			teller.inner = append(teller.inner, i)
		}
	}
}

// applies reports whether a payload has fields for an object in a field, or may have.
func (d *delivery) applies(p *deferredPayload, in *field, sel *selection, typ typeID) bool {
	unknown := in != nil && !in.sel.possible.has(typ)
	return slices.ContainsFunc(sel.fields, func(f field) bool {
		payloads := f.special.payloadsBelow
		if d.started != nil {
			payloads = f.special.selectedIn
		}
		return payloads.has(p.id) && (unknown || f.has(typ))
	})
}

// teller returns the instance together with which the client is told of another; nil for the initial response.
func (i *instance) teller() *instance {
	if i.outer != nil {
		return i.outer
	}
	return i.by
}

// outer finds the instance that encloses a new one.
func (d *delivery) outer(p *deferredPayload, path []pathElement) *instance {
	for q := p.parent; q != nil; q = q.parent {
		for _, i := range slices.Backward(d.instances) {
			if i.payload == q && hasPath(path, i.path) {
				return i
			}
		}
	}
	return nil
}

// next emits what can be emitted. It returns false when nothing is left to do.
func (d *delivery) next() bool {
	if d.remaining[0] > 0 {
		return true
	}
	if !d.begun {
		d.begun = true
		if d.err = d.first(); d.err != nil || !d.outstanding() {
			return false
		}
	}
	part, ok := d.deliverReady()
	if ok && len(part.done) == 0 {
		return true
	}
	if ok {
		d.err = d.last(part)
	}
	return d.err == nil && d.outstanding()
}

// deliverReady writes the payloads that are ready. It returns the last part, which is not emitted: those
// before hold what does not fit into it. It reports false after an error.
func (d *delivery) deliverReady() (last part, ok bool) {
	for again := true; again; {
		again = false
		for _, p := range d.program.payloads {
			if d.delivered[p.id] || !d.isReady(p) {
				continue
			}
			d.delivered[p.id], again = true, true
			d.beginPart()
			for _, next := range d.partsOf(d.deliver(p)) {
				if len(last.done) > 0 && d.exceeds(last.extent().plus(next.extent())) {
					if d.err = d.further(last, true); d.err != nil {
						return last, false
					}
					last = part{}
				}
				last.join(next)
			}
		}
	}
	return last, true
}

// isReady reports whether everything that a payload needs has arrived.
func (d *delivery) isReady(p *deferredPayload) bool {
	if d.remaining[p.id] > 0 {
		return false
	}
	for outer := p.parent; outer != nil; outer = outer.parent {
		if !d.delivered[outer.id] {
			return false
		}
	}
	if d.started != nil {
		return !slices.ContainsFunc(p.sharing, d.isAwaited)
	}
	waiting := func(q *deferredPayload) bool { return !d.delivered[q.id] }
	return !slices.ContainsFunc(p.enclosing, waiting) && !slices.ContainsFunc(p.overlapping, waiting)
}

// isAwaited reports whether fetches are open for a payload or for one that it is nested in, which may fetch for it.
func (d *delivery) isAwaited(p *deferredPayload) bool {
	for ; p != nil; p = p.parent {
		if d.remaining[p.id] > 0 {
			return true
		}
	}
	return false
}

// outstanding reports whether the client waits for more.
func (d *delivery) outstanding() bool {
	return slices.ContainsFunc(d.instances, func(i *instance) bool { return i.id != "" && !d.delivered[i.payload.id] })
}

// first emits the initial response.
func (d *delivery) first() error {
	w := &d.writer
	w.deferID = 0
	buffer := w.begin()
	d.beginPart()
	buffer.B = append(buffer.B, `{"data":`...)
	w.out = buffer.B
	start := len(w.out)
	d.begin(nil, value{tag: tag{kind: objectKind}}, nil, d.program.projection, d.program.rootType)
	null := !w.object(0, d.program.projection, d.program.rootType)
	if null {
		w.out = append(w.out[:start], "null"...)
		d.forget(0)
	}
	out := w.out
	errors := d.takeErrors(func(e *responseError) bool { return e.deferID == 0 })
	var end []byte
	complete := func() {
		if len(errors) > 0 {
			out = appendErrors(append(out, errorsKey...), errors)
		}
		d.ids = 0
		if end = d.announce([]byte{','}); d.outstanding() {
			end = append(end, `"hasNext":true}`...)
		} else {
			end = append(end[:len(end)-1], '}')
		}
	}
	if complete(); w.overlong || w.isTooLong(len(out)+len(end)) {
		out, null = append(out[:start], "null"...), true
		errors, d.instances = []responseError{w.lengthError()}, nil
		complete()
	}
	response := &Response{Errors: len(errors), Codes: codes(errors), Services: services(errors), DataNull: null, Fetches: slices.Clone(d.response.Fetches), More: d.outstanding()}
	if d.program.kind == operation.Query && len(errors) == 0 {
		response.Control = d.control
	}
	out = append(d.appendExtensions(out, nil, response.Fetches), end...)
	adapt(&d.program.bytes, int64(len(out)))
	buffer.B = out
	response.buffer, response.Body = buffer, out
	return d.emit(response)
}

// takeErrors removes errors of a kind from the execution and returns them.
func (d *delivery) takeErrors(of func(*responseError) bool) []responseError {
	d.sortErrors()
	var taken []responseError
	d.errors = slices.DeleteFunc(d.errors, func(e responseError) bool {
		if of(&e) {
			taken = append(taken, e)
			return true
		}
		return false
	})
	return taken
}

// announce notes the payloads that the client can expect after the initial response: those that nothing
// else encloses. In the format Pending it tells the client of them, in text that ends with a comma.
func (d *delivery) announce(b []byte) []byte {
	start := len(b)
	for _, i := range d.instances {
		if i.outer != nil {
			continue
		}
		i.id = strconv.Itoa(d.ids)
		d.ids++
		if d.started != nil {
			continue
		}
		if len(b) == start {
			b = append(b, `"pending":[`...)
		}
		b = i.announce(b, i.id)
	}
	if len(b) > start {
		b = append(b[:len(b)-1], `],`...)
	}
	return b
}

// hasPath reports whether a path begins with another.
func hasPath(path, prefix []pathElement) bool {
	return len(path) >= len(prefix) && slices.Equal(path[:len(prefix)], prefix)
}

// deliver writes the data of all instances of a payload that the client
// expects.
func (d *delivery) deliver(p *deferredPayload) []*instance {
	var done []*instance
	for _, i := range slices.Clone(d.instances) {
		if i.payload == p && i.outer != nil && i.outer.failed && i.id == "" {
			i.failed = true // and so will be those that it encloses
		}
		// An instance in a payload that is delivered now is announced
		// and completed at once.
		if i.payload != p || i.failed && !i.dropped || i.outer != nil && i.id == "" && (i.outer.failed || !d.delivered[i.outer.payload.id]) {
			continue
		}
		d.beginInstance(i)
		typ, ok := i.typ, true
		if i.untyped {
			ok = d.resolve(i)
		}
		if i.in != nil && ok {
			typ, ok = d.writer.typeOf(i.object, i.in)
		}
		switch {
		case !ok || i.dropped:
		case d.started != nil:
			d.collectFragment(i, typ)
		default:
			d.collectInstance(i, typ)
		}
		done = append(done, i)
	}
	if len(done) == 0 {
		return nil
	}
	reported := d.takeErrors(func(e *responseError) bool { return e.deferID == p.id })
	for _, e := range reported {
		to := done[0]
		for _, i := range done {
			if hasPath(e.path, i.path) && len(i.path) >= len(to.path) {
				to = i
			}
		}
		to.errors = append(to.errors, e)
	}
	lost := d.errorsLost(p)
	for _, i := range done {
		i.inheritErrors(reported, lost)
	}
	if d.succeeded != nil && slices.ContainsFunc(done, func(i *instance) bool { return i.failed }) {
		d.lost = append(d.lost, reported...)
	}
	return done
}

// collect writes what a payload adds to an object, and to the objects below it
// that the client already has.
func (d *delivery) collect(i *instance, object uint32, sel *selection, typ typeID, path []pathElement) {
	w := &d.writer
	w.deferID, w.path = i.payload.id, append(w.path[:0], path...)
	as, known := typ, true
	if typ == noType {
		as, known = w.untypedAs(sel)
	}
	if !known {
		w.untyped(object, true, sel)
		i.failed = true // the client already has the object
	} else if slices.ContainsFunc(sel.fields, func(f field) bool { return f.has(as) && w.includes(&f) }) {
		w.out = nil
		mark := d.mark()
		d.beginEntry(i, path)
		if w.object(object, sel, as) && !w.overlong {
			d.addEntry(i, path, w.out)
		} else {
			i.failed = true
			d.forget(mark)
		}
		w.out = nil
	}
	for n := range sel.fields {
		f := &sel.fields[n]
		if f.slot <= headerSlot || f.sel == nil || !f.has(as) || !f.special.payloadsBelow.has(i.payload.id) {
			continue
		}
		if w.path = append(w.path[:0], path...); !w.includes(f) {
			d.below(i, d.tree.values[object+uint32(f.slot)], f, 0, append(path, pathElement{key: f.responseKey()}))
		}
	}
}

// below does so for the objects of a value at one level of its type. A value that does not
// have the kind of that level was delivered as null.
func (d *delivery) below(i *instance, v value, f *field, level int, path []pathElement) {
	if d.nulled[string(appendPath(nil, path))] {
		return
	}
	named := level == int(f.lists)
	switch {
	case v.kind == objectKind && named:
		if typ, ok := d.writer.typeOf(v, f); ok {
			d.collect(i, v.a, f.sel, typ, path)
		}
	case v.kind == arrayKind && !named:
		for n := range v.b {
			d.below(i, d.tree.values[v.a+n], f, level+1, append(path, pathElement{index: int(n)}))
		}
	}
}

// last emits a part after which nothing else is ready.
func (d *delivery) last(p part) error {
	if more := d.outstanding(); more || !d.isBounded() || p.extent().size(false) <= d.executor.options.MaxResponseBytes {
		return d.further(p, more)
	}
	if err := d.further(p, true); err != nil { // something else was expected when the part was made
		return err
	}
	return d.further(part{}, false)
}

// further emits the response that delivers a part. more says whether others follow.
func (d *delivery) further(p part, more bool) error {
	if d.started != nil && len(p.incremental) == 0 && more {
		return nil // it only tells that it is the last
	}
	response := &Response{More: more}
	for _, i := range p.done {
		if d.started != nil && i.isOmitted() {
			continue
		}
		response.Errors += len(i.errors)
		response.Codes, response.Services = append(response.Codes, codes(i.errors)...), append(response.Services, services(i.errors)...)
	}
	if !more {
		response.Fetches = slices.Clone(d.response.Fetches)
	}
	buffer := NewBuffer(p.extent().size(more))
	buffer.B = p.text(buffer.B, more)
	response.buffer, response.Body = buffer, buffer.B
	return d.emit(response)
}
