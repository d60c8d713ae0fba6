package execute

import (
	"context"
	"slices"
	"strconv"

	"souk/router/operation"
)

// Incremental is a form of the responses that deliver what is under @defer.
type Incremental uint8

const (
	// Pending is the form of the incremental delivery draft: pending,
	// incremental, completed and hasNext. No field is delivered twice.
	Pending Incremental = iota
	// Fragments is the form of the draft of August 2022, which Apollo calls
	// deferSpec=20220824 and incrementalSpec=v0.1: incremental, with data, path
	// and label of each fragment, and hasNext. The data is the whole fragment,
	// also where it shares fields with others.
	Fragments
)

// Deliver answers like Execute, but for what is under @defer: emit is given a
// first response without that, and then further ones as their data is there,
// in the form that the request wants. It releases each. Deliver returns when
// all is delivered, or with emit's error.
func (e *Executor) Deliver(ctx context.Context, req *Request, emit func(*Response) error) error {
	if len(req.Program.parts) == 0 {
		return emit(e.Execute(ctx, req))
	}
	ctx, cancel := context.WithCancel(ctx)
	r := e.start(req)
	d := &delivery{run: r, emit: emit, delivered: make([]bool, len(req.Program.parts)+1), nulled: make(map[string]bool)}
	if req.Incremental == Fragments {
		d.started = make(map[string]bool)
	}
	r.writer.run, r.writer.delivery = r, d
	r.schedule(ctx, d.next)
	// What is left is for parts that are not to be had any more.
	cancel()
	r.drain()
	r.response.Fetches = r.response.Fetches[:0]
	r.finish()
	r.lease.Release()
	e.runs.Put(r)
	return d.err
}

// A delivery delivers an answer in parts.
type delivery struct {
	*run
	emit func(*Response) error
	err  error
	// begun says that the first response was emitted.
	begun bool
	// delivered says of each part, by its ID, whether it is done.
	delivered []bool
	// instances are all uses of parts that were met in what is written so far.
	instances []*instance
	ids       int
	// nulled are the paths at which null was written for an object that the
	// tree has: nothing can be delivered there any more.
	nulled map[string]bool
	// started are the parts and paths of the instances, in the form Fragments;
	// nil in the form Pending.
	started map[string]bool
}

// An instance is a part as it applies to one object of the answer.
type instance struct {
	part *part
	// outer is the one it stands in; nil if none is around it that adds
	// anything to the answer.
	outer  *instance
	id     string // empty until the client is told of it
	path   []pathElement
	object value
	// in is the field that has the object; nil for the root.
	in  *field
	sel *selection
	typ typeID
	// failed says that null went up to the object.
	failed bool
	errors []responseError
	// entries are where the data is that it adds to objects at or below path; in
	// the form Fragments, all data of the fragment, at path.
	entries []entry
	// dropped says that the object became null for the client by what another
	// part delivered, in the form Fragments.
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
	d.nulled[string(appendPath(nil, path))] = true
	if d.started != nil {
		d.drop(path)
	}
}

func (d *delivery) forget(mark int) {
	for _, i := range d.instances[mark:] {
		delete(d.started, instanceKey(i.part, i.path))
	}
	d.instances = d.instances[:mark]
}

// gone says whether the client was given null for a value.
func (d *delivery) gone(path []pathElement) bool { return d.nulled[string(appendPath(nil, path))] }

// start notes the parts that begin at an object: those that have fields for its
// type, or any where only a later step will tell the type.
func (d *delivery) start(path []pathElement, object value, in *field, sel *selection, typ typeID) {
	unknown := in != nil && !in.possible.has(typ)
	for _, p := range sel.starts {
		if d.started[instanceKey(p, path)] {
			continue
		}
		for i := range sel.fields {
			f := &sel.fields[i]
			parts := f.parts
			if d.started != nil {
				parts = f.fragments
			}
			if parts.has(p.id) && (unknown || f.has(typ)) {
				if d.started != nil {
					d.started[instanceKey(p, path)] = true
				}
				d.instances = append(d.instances, &instance{part: p, outer: d.outer(p, path), path: slices.Clone(path), object: object, in: in, sel: sel, typ: typ})
				break
			}
		}
	}
}

// outer finds the instance that one of a part stands in.
func (d *delivery) outer(p *part, path []pathElement) *instance {
	for q := p.parent; q != nil; q = q.parent {
		for _, i := range slices.Backward(d.instances) {
			if i.part == q && hasPath(path, i.path) {
				return i
			}
		}
	}
	return nil
}

// next emits what can be emitted, and gives false when nothing is left to do.
func (d *delivery) next() bool {
	if d.left[0] > 0 {
		return true
	}
	if !d.begun {
		d.begun = true
		if d.err = d.first(); d.err != nil || !d.outstanding() {
			return false
		}
	}
	var done []*instance
	for again := true; again; {
		again = false
		for _, p := range d.program.parts {
			if !d.delivered[p.id] && d.can(p) {
				d.delivered[p.id], again = true, true
				done = append(done, d.deliver(p)...)
			}
		}
	}
	if len(done) == 0 {
		return true
	}
	d.err = d.further(done)
	return d.err == nil && d.outstanding()
}

// can says whether all that a part needs is there.
func (d *delivery) can(p *part) bool {
	if d.left[p.id] > 0 {
		return false
	}
	for outer := p.parent; outer != nil; outer = outer.parent {
		if !d.delivered[outer.id] {
			return false
		}
	}
	if d.started != nil {
		return !slices.ContainsFunc(p.shared, func(q *part) bool { return d.left[q.id] > 0 })
	}
	return !slices.ContainsFunc(p.after, func(q *part) bool { return !d.delivered[q.id] })
}

// outstanding says whether the client waits for more.
func (d *delivery) outstanding() bool {
	return slices.ContainsFunc(d.instances, func(i *instance) bool { return i.id != "" && !d.delivered[i.part.id] })
}

// first emits the response without the deferred parts.
func (d *delivery) first() error {
	w := &d.writer
	w.part = 0
	buffer := w.begin()
	buffer.B = append(buffer.B, `{"data":`...)
	w.out = buffer.B
	start := len(w.out)
	d.start(nil, value{kind: objectKind}, nil, d.program.projection, d.program.rootType)
	null := !w.object(0, d.program.projection, d.program.rootType)
	if null {
		w.out = append(w.out[:start], "null"...)
		d.instances = nil
	}
	out := w.out
	errors := d.takeErrors(func(e *responseError) bool { return e.part == 0 })
	if len(errors) > 0 {
		out = appendErrors(append(out, `,"errors":`...), errors)
	}
	response := &Response{Errors: len(errors), Codes: codes(errors), DataNull: null, Fetches: slices.Clone(d.response.Fetches)}
	if d.program.kind == operation.Query && len(errors) == 0 {
		response.Control = d.control
	}
	if d.req.Extensions != nil {
		if text := d.req.Extensions(response.Fetches); text != nil {
			out = append(append(out, `,"extensions":`...), text...)
		}
	}
	if out = d.announce(append(out, ','), nil); d.outstanding() {
		out = append(out, `"hasNext":true}`...)
		response.More = true
	} else {
		out = append(out[:len(out)-1], '}')
	}
	adapt(&d.program.bytes, int64(len(out)))
	buffer.B = out
	response.buffer, response.Body = buffer, out
	return d.emit(response)
}

// takeErrors takes the errors of a kind from the run.
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

// announce notes the parts that the client can now expect: those that stand in
// nothing that is itself outstanding. In the form Pending it tells the client
// of them, in text that ends with a comma.
func (d *delivery) announce(b []byte, done []*instance) []byte {
	start := len(b)
	for _, i := range d.instances {
		if i.id != "" || i.outer != nil && (i.outer.failed || !slices.Contains(done, i.outer)) {
			continue
		}
		i.id = strconv.Itoa(d.ids)
		d.ids++
		switch {
		case d.started != nil:
			continue
		case len(b) == start:
			b = append(b, `"pending":[`...)
		default:
			b = append(b, ',')
		}
		b = appendPath(append(append(append(b, `{"id":"`...), i.id...), `","path":`...), i.path)
		if i.part.label != "" {
			b = appendString(append(b, `,"label":`...), i.part.label)
		}
		b = append(b, '}')
	}
	if len(b) > start {
		b = append(b, `],`...)
	}
	return b
}

// hasPath says whether a path begins with another.
func hasPath(path, prefix []pathElement) bool {
	return len(path) >= len(prefix) && slices.Equal(path[:len(prefix)], prefix)
}

// deliver writes the data of all instances of a part that the client expects.
func (d *delivery) deliver(p *part) []*instance {
	var done []*instance
	for _, i := range slices.Clone(d.instances) {
		// One in a part that is delivered only now is told of and done at once.
		if i.part != p || i.failed && !i.dropped || i.outer != nil && i.id == "" && (i.outer.failed || !d.delivered[i.outer.part.id]) {
			continue
		}
		typ, ok := i.typ, true
		if i.in != nil {
			typ, ok = d.writer.typeOf(i.object, i.in)
		}
		switch {
		case !ok || i.dropped:
		case d.started != nil:
			d.collectFragment(i, typ)
		default:
			d.collect(i, i.object.a, i.sel, typ, slices.Clone(i.path))
		}
		done = append(done, i)
	}
	if len(done) == 0 {
		return nil
	}
	for _, e := range d.takeErrors(func(e *responseError) bool { return e.part == p.id }) {
		to := done[0]
		for _, i := range done {
			if hasPath(e.path, i.path) && len(i.path) >= len(to.path) {
				to = i
			}
		}
		to.errors = append(to.errors, e)
	}
	return done
}

// collect writes what a part adds to an object, and to those below it that
// the client has already.
func (d *delivery) collect(i *instance, object uint32, sel *selection, typ typeID, path []pathElement) {
	w := &d.writer
	w.part = i.part.id
	if typ == noType && sel.conditional && w.needsType(sel) {
		w.path = append(w.path[:0], path...)
		w.untyped(object, true, sel)
		i.failed = true // the client has the object already
	} else if slices.ContainsFunc(sel.fields, func(f field) bool { return f.part == i.part.id && f.has(typ) }) {
		w.path, w.out = append(w.path[:0], path...), nil
		mark := d.mark()
		if w.object(object, sel, typ) {
			i.entries = append(i.entries, entry{slices.Clone(path), w.out})
		} else {
			i.failed = true
			d.forget(mark)
		}
		w.out = nil
	}
	for n := range sel.fields {
		f := &sel.fields[n]
		switch {
		case f.slot <= headerSlot || f.sel == nil || !f.has(typ) || !f.parts.has(i.part.id):
		case f.part == i.part.id:
			if i.failed {
				d.nulled[string(appendPath(nil, append(path, pathElement{key: f.key})))] = true
			}
		default:
			d.below(i, d.tree.values[object+uint32(f.slot)], f, append(path, pathElement{key: f.key}))
		}
	}
}

func (d *delivery) below(i *instance, v value, f *field, path []pathElement) {
	if d.nulled[string(appendPath(nil, path))] {
		return
	}
	switch v.kind {
	case objectKind:
		if typ, ok := d.writer.typeOf(v, f); ok {
			d.collect(i, v.a, f.sel, typ, path)
		}
	case arrayKind:
		for n := range v.b {
			d.below(i, d.tree.values[v.a+n], f, append(path, pathElement{index: int(n)}))
		}
	}
}

// further emits the response that delivers some instances.
func (d *delivery) further(done []*instance) error {
	if d.started != nil {
		return d.furtherFragments(done)
	}
	buffer := NewBuffer(1 << minBuffer)
	out := d.announce(append(buffer.B, '{'), done)
	response := new(Response)
	start := len(out)
	for _, i := range done {
		if i.failed {
			continue
		}
		for n, e := range i.entries {
			if len(out) == start {
				out = append(out, `"incremental":[`...)
			} else {
				out = append(out, ',')
			}
			out = append(append(append(out, `{"id":"`...), i.id...), '"')
			if len(e.path) > len(i.path) {
				out = appendPath(append(out, `,"subPath":`...), e.path[len(i.path):])
			}
			out = append(append(out, `,"data":`...), e.data...)
			if n == 0 && len(i.errors) > 0 {
				out = appendErrors(append(out, `,"errors":`...), i.errors)
			}
			out = append(out, '}')
		}
	}
	if len(out) > start {
		out = append(out, `],`...)
	}
	out = append(out, `"completed":[`...)
	for n, i := range done {
		if n > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, `{"id":"`...), i.id...), '"')
		if len(i.errors) > 0 && (i.failed || len(i.entries) == 0) {
			out = appendErrors(append(out, `,"errors":`...), i.errors)
		}
		out = append(out, '}')
		response.Errors += len(i.errors)
		response.Codes = append(response.Codes, codes(i.errors)...)
	}
	response.More = d.outstanding()
	out = strconv.AppendBool(append(out, `],"hasNext":`...), response.More)
	out = append(out, '}')
	buffer.B = out
	response.buffer, response.Body = buffer, out
	return d.emit(response)
}
