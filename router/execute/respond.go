package execute

import (
	"slices"
	"sync/atomic"

	"souk/router/operation"
)

// respond writes the answer, and lets go of all else.
func (r *run) respond() *Response {
	p := r.program
	w := &r.writer
	w.run = r
	buffer := w.begin()
	w.out = append(buffer.B, `{"data":`...)
	start := len(w.out)
	null := !w.object(0, p.projection, p.rootType)
	if null {
		w.out = append(w.out[:start], "null"...)
	}
	out := w.out
	if len(r.errors) > 0 {
		r.sortErrors()
		out = appendErrors(append(out, `,"errors":`...), r.errors)
	}
	if r.req.Extensions != nil {
		if text := r.req.Extensions(r.response.Fetches); text != nil {
			out = append(append(out, `,"extensions":`...), text...)
		}
	}
	out = append(out, '}')
	buffer.B = out
	if len(r.errors) == 0 { // what is left out by errors says nothing of the next response
		adapt(&p.bytes, int64(len(buffer.B)))
	}
	defer r.lease.Resize(cap(buffer.B))

	r.response = Response{
		Body: buffer.B, Errors: len(r.errors), Codes: codes(r.errors), DataNull: null, Fetches: r.response.Fetches,
		Shed: r.shed && r.harmless(), buffer: buffer, run: r,
	}
	if p.kind == operation.Query && len(r.errors) == 0 {
		r.response.Control = r.control
	}
	r.finish()
	return &r.response
}

// harmless says that nothing has been changed: the operation can be sent again.
func (r *run) harmless() bool {
	for _, s := range r.program.steps {
		if s.kind != operation.Query && (s.stream || r.steps[s.id].reached) {
			return false
		}
	}
	return true
}

// begin takes a buffer for a response and says how long that may become. Errors
// of an operation whose responses are large otherwise get a small buffer.
func (w *writer) begin() *Buffer {
	read := 0
	for i := range w.program.steps {
		step := &w.steps[i]
		if step.response != nil {
			read += len(step.response.Body.B)
		}
		if step.cached != nil {
			read += len(step.cached.B)
		}
	}
	w.most, w.full = 2*read+freeBytes, false
	return NewBuffer(min(int(w.program.bytes.Load()), 2*read) + 256)
}

// freeBytes is how long a response may be, beyond twice what it is made of,
// before more is asked of the budget.
const freeBytes = 64 << 10

// extend makes room for a response that is much longer than what it is made of:
// it has many references to the same objects. It gives false, and notes the
// error, if there is none.
func (w *writer) extend() bool {
	if w.full {
		return false
	}
	if more := len(w.out); w.lease.TryGrow(2 * more) { // a buffer doubles
		w.most += more
		return true
	}
	w.full, w.shed = true, true
	w.add(responseError{
		step: projectionStep, part: w.part, path: slices.Clone(w.path), code: CodeOverloaded,
		message: "The response was cut here: the router is answering as much as its memory allows.",
	})
	return false
}

// adapt moves an expected size towards one that was met: at once if that is
// larger, by and by if it is smaller.
func adapt(expected *atomic.Int64, met int64) {
	// Two at the same time may lose one's word, which does no harm.
	was := expected.Load()
	if met < was {
		met = was - (was-met+15)/16
	}
	if met != was {
		expected.Store(met)
	}
}
