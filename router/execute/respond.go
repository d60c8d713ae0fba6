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
	w.run, w.out = r, buffer.B
	w.out = append(w.out, `{"data":`...)
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
	adapt(&p.bytes, int64(len(buffer.B)))
	defer r.lease.Resize(cap(buffer.B))

	r.response = Response{
		Body: buffer.B, Errors: len(r.errors), Codes: codes(r.errors), DataNull: null, Fetches: r.response.Fetches,
		buffer: buffer, run: r,
	}
	if p.kind == operation.Query && len(r.errors) == 0 {
		r.response.Control = r.control
	}
	r.finish()
	return &r.response
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
