package execute

import (
	"math"
	"slices"
)

// A sketch is the client's response with gaps where entities of the last fetch are missing. All nulls
// outside the gaps have propagated already, and a gap is where null is allowed, whatever the entity turns out
// to be. So no byte of the sketch changes any more, and the response is the sketch with the gaps
// filled in order.
type sketch struct {
	buffer *Buffer
	gaps   []gap
	paths  []pathElement // of all gaps
	fetch  *fetch
	// failed is set if null might propagate from an entity to what is around its gap. whole is set while
	// the object that is written must become a gap as a whole.
	failed, whole bool

	// out is the response so far, with the sketch up to copied and the gaps before next.
	out          *Buffer
	copied, next int
	filling      bool
	// blocked is an object whose entity must arrive before the next gap can be filled.
	blocked uint32
	// errors and dropped are the numbers of errors before the first gap. faulty are the gaps with errors.
	errors, dropped int
	faulty          []int
	// cut is set once there is no room for more. What is in the gaps after it is null.
	cut      bool
	cutError responseError
}

// A gap is a place of a sketch: fields of an object, or a value.
type gap struct {
	at        int // in the sketch
	path, end uint32
	object    uint32
	from, to  uint16 // of the fields
	typ       typeID
	first     bool // no field comes before them
	sel       *selection
	field     *field // of the value; nil for fields
	level     int
	value     value
}

// anyFetch marks an object that several _entities fields are for.
const anyFetch = math.MaxUint16

// sketch writes the sketch of the response. It returns false, and changes nothing, if the response cannot be
// sent before the fetch has ended.
func (x *execution) sketch(f *fetch) bool {
	w := &x.writer
	w.execution = x
	s := &sketch{fetch: f, buffer: w.begin()}
	w.gaps = s
	x.mark(f)
	errors, dropped, shed := len(x.errors), x.dropped, x.shed
	s.buffer.B = append(s.buffer.B, dataMember...)
	w.out = s.buffer.B
	ok := w.object(0, x.program.projection, x.program.rootType)
	s.buffer.B = w.out
	if ok && !s.failed && !w.exhausted && !w.isTooLong(len(w.out)) && len(s.gaps) > 0 && x.lease.TryGrow(len(w.out)+len(s.gaps)*gapSize) {
		s.errors, s.dropped, s.filling = len(x.errors), x.dropped, true
		s.out = NewBuffer(max(int(x.program.bytes.Load()), len(w.out)) + 256)
		return true
	}
	if s.failed {
		x.program.whole.Store(true)
	}
	clear(x.errors[errors:])
	x.errors, x.dropped, x.shed = x.errors[:errors], dropped, shed
	x.dropSketch(f)
	return false
}

// gapSize is about how much memory a gap takes.
const gapSize = 160

func (x *execution) dropSketch(f *fetch) {
	x.unmark(f)
	x.writer.gaps.release()
	x.writer.reset()
}

func (s *sketch) release() {
	s.buffer.Release()
	s.buffer = nil
}

// mark notes in the headers of objects which _entities field they are for.
func (x *execution) mark(f *fetch) {
	for i := range f.entities {
		for _, t := range x.states[f.id].entities[i].targets {
			header := &x.tree.values[t.object]
			if header.objects == 0 {
				header.objects = uint16(i) + 1
			} else if header.objects != uint16(i)+1 {
				header.objects = anyFetch
			}
		}
	}
}

func (x *execution) unmark(f *fetch) {
	for i := range f.entities {
		for _, t := range x.states[f.id].entities[i].targets {
			x.tree.values[t.object].objects = 0
		}
	}
}

// awaits reports whether the entity of an object has not arrived.
func (t *tree) awaits(object uint32) bool { return t.values[object].objects != 0 }

// mayFill reports whether the last fetch may store something in a slot of an object.
func (s *sketch) mayFill(header value, slot int32) bool {
	for i, e := range s.fetch.entities {
		if header.objects != anyFetch && int(header.objects) != i+1 {
			continue
		}
		for k := range e.shape.fields {
			if e.shape.fields[k].slot == slot {
				return true
			}
		}
	}
	return false
}

// incomplete writes an object whose entity has not arrived, with gaps, or makes it a gap.
func (w *writer) incomplete(v value, f *field, level int, sel *selection, typ typeID) bool {
	s := w.gaps
	if s.filling {
		s.blocked = v.a
		return false
	}
	mark, gaps, paths, errors, dropped, objects := len(w.out), len(s.gaps), len(s.paths), len(w.errors), w.dropped, w.objects
	// A type that may change decides which fields the object has, and whether it is valid here.
	s.whole = s.mayFill(w.tree.values[v.a], headerSlot)
	if !s.whole && w.typedWithGaps(v, f, level, sel, typ) {
		return true
	}
	s.gaps, s.paths = s.gaps[:gaps], s.paths[:paths]
	if !s.whole {
		return false
	}
	s.whole = false
	w.out, w.objects, w.dropped = w.out[:mark], objects, dropped
	clear(w.errors[errors:])
	w.errors = w.errors[:errors]
	if f.typ.nonNull[level] {
		s.failed = true
		return false
	}
	w.addGap(gap{object: v.a, sel: sel, typ: typ, field: f, level: level, value: v})
	return true
}

// typedWithGaps writes an object, whose type is what is stored, with gaps.
func (w *writer) typedWithGaps(v value, f *field, level int, sel *selection, typ typeID) bool {
	of, known := w.typeOf(v, f)
	if !known {
		return w.invalid(v, f, f.typ.nonNull[level], sel, typ)
	}
	if of == noType {
		if of, known = w.untypedAs(f.sel); !known {
			return w.untyped(v.a, f.typ.nonNull[level], f.sel)
		}
	}
	return w.objectWithGaps(v.a, f.sel, of)
}

func (w *writer) addGap(g gap) {
	s := w.gaps
	g.at, g.path = len(w.out), uint32(len(s.paths))
	s.paths = append(s.paths, w.path...)
	g.end = uint32(len(s.paths))
	s.gaps = append(s.gaps, g)
}

// cutGaps removes the gaps that are not in the sketch any more.
func (w *writer) cutGaps() {
	s := w.gaps
	if s.filling {
		return
	}
	for n := len(s.gaps); n > 0 && s.gaps[n-1].at > len(w.out); n-- {
		s.paths, s.gaps = s.paths[:s.gaps[n-1].path], s.gaps[:n-1]
	}
}

// objectWithGaps writes an object like object, with gaps for the fields that its entity may have. It returns
// false and sets whole if one of them must not be null.
func (w *writer) objectWithGaps(object uint32, sel *selection, typ typeID) bool {
	if len(w.out) > w.limit && !w.extend() {
		return false
	}
	w.objects++
	w.out = append(w.out, '{')
	first := true
	for i := 0; i < len(sel.fields); {
		end, open := w.group(object, sel, i)
		for more := open; more && end < len(sel.fields); {
			var next int
			if next, more = w.group(object, sel, end); more {
				end = next
			}
		}
		fields := sel.fields[i:end]
		there := w.tree.hasRun(object, fields[0].run) || slices.ContainsFunc(fields, func(f field) bool { return f.has(typ) })
		switch {
		case !there:
		case !open:
			if !w.fields(object, fields, sel, typ, first) {
				return false
			}
			first = false
		case slices.ContainsFunc(fields, func(f field) bool { return f.has(typ) && f.typ.nonNull[0] }):
			w.gaps.whole = true
			return false
		default:
			w.addGap(gap{object: object, from: uint16(i), to: uint16(end), typ: typ, first: first, sel: sel})
			first = false
		}
		i = end
	}
	w.out = append(w.out, '}')
	return true
}

// group returns the end of the fields that are written together with field i, and whether the last fetch may
// still store one of them.
func (w *writer) group(object uint32, sel *selection, i int) (end int, open bool) {
	f := &sel.fields[i]
	end = i + 1
	if w.tree.hasRun(object, f.run) {
		end = i + len(f.run.fields)
	}
	header := w.tree.values[object]
	for ; i < end; i++ {
		f := &sel.fields[i]
		open = open || f.source == storedSource && f.slot > headerSlot && w.gaps.mayFill(header, f.slot)
	}
	return end, open
}

// fields writes fields of an object. first is set if no others come before them. object has a loop of its own,
// because a call for each object takes some percent of the time of writing.
func (w *writer) fields(object uint32, fields []field, sel *selection, typ typeID, first bool) bool {
	for i := 0; i < len(fields); i++ {
		f := &fields[i]
		if w.tree.hasRun(object, f.run) {
			if !first {
				w.out = append(w.out, ',')
			}
			v := w.tree.values[object+f.run.slot]
			w.out = append(w.out, w.tree.text(v)...)
			w.objects += int(v.objects)
			i += len(f.run.fields) - 1
			first = false
			continue
		}
		if !f.has(typ) {
			continue
		}
		name := f.name
		if first {
			name = name[1:]
		}
		w.out = append(w.out, name...)
		if !w.field(object, f, sel, typ) {
			return false
		}
		first = false
	}
	return true
}
