package execute

import (
	"math"
	"slices"
)

// pour writes the response up to the first gap whose entity has not arrived, and sends it.
func (x *execution) pour() {
	w := &x.writer
	s := w.gaps
	had := len(s.out.B)
	w.out = s.out.B
	read := x.responseBytes
	if state := &x.states[s.fetch.id]; state.response == nil { // it still arrives
		read += len(x.reader.text)
	}
	w.limit = max(w.limit, 2*read+freeBytes)
	text := s.buffer.B
	for s.next < len(s.gaps) {
		g := &s.gaps[s.next]
		w.out = append(w.out, text[s.copied:g.at]...)
		s.copied = g.at
		if s.blocked != 0 && x.tree.awaits(s.blocked) {
			break
		}
		if s.blocked = 0; !w.fill(g) {
			break
		}
		s.next++
	}
	if s.next == len(s.gaps) {
		w.out = append(w.out, text[s.copied:]...)
		s.copied = len(text)
	}
	s.out.B = w.out
	if len(w.out) > had {
		x.req.Early.Send(w.out)
	}
}

// fill writes what belongs in the next gap. It returns false, and writes nothing, if that has not arrived.
func (w *writer) fill(g *gap) bool {
	s := w.gaps
	if g.field == nil && w.tree.awaits(g.object) {
		s.blocked = g.object
		return false
	}
	w.path = append(w.path[:0], s.paths[g.path:g.end]...)
	if !s.cut {
		mark, errors, dropped, objects := len(w.out), len(w.errors), w.dropped, w.objects
		w.writeGap(g)
		exhausted := w.exhausted || w.isTooLong(len(w.out)+len(s.buffer.B)-s.copied+len("}"))
		if s.blocked == 0 && !exhausted {
			if len(w.errors) > errors || w.dropped > dropped {
				s.faulty = append(s.faulty, s.next)
			}
			return true
		}
		w.out, w.objects, w.dropped = w.out[:mark], objects, dropped
		clear(w.errors[errors:])
		w.errors = w.errors[:errors]
		if s.blocked != 0 {
			return false
		}
		s.cut = true
		s.cutError = w.cutError()
	}
	w.writeNull(g)
	return true
}

// cutError is the error for a response that ends early because it is too long, or because there
// is no memory for the rest.
func (w *writer) cutError() responseError {
	e := w.lengthError()
	if w.exhausted && !w.tooLong {
		e.code, e.message = CodeOverloaded, "The response was cut off here: the router's memory for responses is used up."
	}
	e.path = slices.Clone(w.path)
	return e
}

// writeGap writes what belongs in a gap. Null is allowed there.
func (w *writer) writeGap(g *gap) {
	if g.field != nil {
		w.value(g.value, g.field, g.level, g.sel, g.typ)
		return
	}
	w.fields(g.object, g.sel.fields[g.from:g.to], g.sel, g.typ, g.first)
}

// writeNull writes null in a gap.
func (w *writer) writeNull(g *gap) {
	if g.field != nil {
		w.null(false)
		return
	}
	first := g.first
	for i := int(g.from); i < int(g.to); i++ {
		f := &g.sel.fields[i]
		if !f.has(g.typ) {
			continue
		}
		name := f.name
		if first {
			name = name[1:]
		}
		w.out = append(append(w.out, name...), "null"...)
		first = false
	}
}

// settle is called when the last fetch has ended and its errors have been added: what is missing now
// remains so. The errors in gaps are found again, because those of the fetch may explain them.
func (x *execution) settle(f *fetch) {
	x.unmark(f)
	w := &x.writer
	s := w.gaps
	s.blocked = 0
	w.out = s.out.B
	limit := w.limit
	w.limit = math.MaxInt // what is written here is not sent
	for _, i := range s.faulty {
		g := &s.gaps[i]
		mark, objects := len(w.out), w.objects
		w.path = append(w.path[:0], s.paths[g.path:g.end]...)
		w.writeGap(g)
		w.out, w.objects = w.out[:mark], objects
	}
	w.limit, s.out.B = limit, w.out
}

// forgetGapErrors removes the errors in gaps, before those of the last fetch are added.
func (x *execution) forgetGapErrors() {
	s := x.writer.gaps
	clear(x.errors[s.errors:])
	x.errors, x.dropped = x.errors[:s.errors], s.dropped
}

// rest completes the data of a response that is sent early.
func (x *execution) rest() *Buffer {
	w := &x.writer
	s := w.gaps
	x.pour()
	if s.cut {
		x.add(s.cutError)
	}
	s.release()
	w.out = s.out.B
	return s.out
}
