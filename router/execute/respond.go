package execute

import (
	"sync/atomic"

	"souk/router/operation"
)

// respond writes the answer, and lets go of all else.
func (r *run) respond() *Response {
	p := r.program
	buffer := NewBuffer(int(p.bytes.Load()) + 256)
	w := &r.writer
	w.run, w.out = r, append(buffer.B, `{"data":`...)
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
	buffer.B = append(out, '}')
	keepMax(&p.bytes, int64(len(buffer.B)))

	r.response = Response{
		Body: buffer.B, Errors: len(r.errors), DataNull: null, Fetches: r.response.Fetches,
		buffer: buffer, run: r,
	}
	if p.kind == operation.Query && len(r.errors) == 0 {
		r.response.Control = r.control
	}
	r.finish()
	return &r.response
}

// keepMax raises a to n, if it is less.
func keepMax(a *atomic.Int64, n int64) {
	for {
		was := a.Load()
		if n <= was || a.CompareAndSwap(was, n) {
			return
		}
	}
}
