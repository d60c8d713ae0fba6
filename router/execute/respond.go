package execute

import (
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"souk/router/operation"
)

// respond writes the response and releases everything else.
func (x *execution) respond() *Response {
	p := x.program
	w := &x.writer
	w.execution = x
	early := x.early != nil
	buffer, null := x.data()
	start := len(dataMember)
	out := w.out
	end := len(out)
	if x.sortErrors(); len(x.errors) > 0 {
		out = appendErrors(append(out, `,"errors":`...), x.errors)
	}
	if !early && (w.tooLong || w.isTooLong(len(out)+len("}"))) {
		out, null = append(out[:start], "null"...), true
		end = len(out)
		clear(x.errors)
		x.errors = append(x.errors[:0], w.lengthError())
		out = appendErrors(append(out, `,"errors":`...), x.errors)
	}
	out = append(x.appendExtensions(out, out[start:end], x.response.Fetches), '}')
	buffer.B = out
	if len(x.errors) == 0 { // a response cut by errors says nothing about the next one
		adapt(&p.bytes, int64(len(buffer.B)))
	}
	defer x.lease.Resize(cap(buffer.B))

	x.response = Response{
		Body: buffer.B, Errors: len(x.errors), Codes: codes(x.errors), Services: services(x.errors), DataNull: null, Fetches: x.response.Fetches, Objects: max(w.objects-1, 0),
		buffer: buffer, execution: x,
	}
	if !early {
		x.response.Shed, x.response.Denied = x.shed && x.harmless(), denied(x.response.Fetches)
	}
	if p.kind == operation.Query && len(x.errors) == 0 {
		x.response.Control = x.control
	}
	x.finish()
	return &x.response
}

// dataMember is how a response begins.
const dataMember = `{"data":`

// data writes the data of the response, or the rest of it. It reports whether it is null.
func (x *execution) data() (*Buffer, bool) {
	if x.early != nil {
		return x.rest(), false
	}
	w := &x.writer
	buffer := w.begin()
	buffer.B = append(buffer.B, dataMember...)
	w.out = buffer.B
	start := len(w.out)
	if !w.object(0, x.program.projection, x.program.rootType) {
		w.out = append(w.out[:start], "null"...)
		return buffer, true
	}
	return buffer, false
}

// harmless reports whether nothing has been changed, so that the operation can be
// sent again.
func (x *execution) harmless() bool {
	for _, f := range x.program.fetches {
		if f.kind != operation.Query && (f.stream || x.states[f.id].reached) {
			return false
		}
	}
	return true
}

// begin allocates the buffer of a response and sets its limit. Error responses
// get a small buffer, even if other responses of the operation are large.
func (w *writer) begin() *Buffer {
	read := w.responseBytes
	w.limit, w.exhausted, w.tooLong, w.most = 2*read+freeBytes, false, false, math.MaxInt
	if most := w.executor.options.MaxResponseBytes; most > 0 {
		w.limit = min(w.limit, most)
	}
	return NewBuffer(min(int(w.program.bytes.Load()), 2*read) + 256)
}

// freeBytes is how long a response may be, beyond twice the size of what it is
// made from, before more memory is reserved.
const freeBytes = 64 << 10

// extend reserves memory for a response that is much longer than what it is
// made from, because it refers to the same objects many times. Without
// memory it adds an error and returns false.
func (w *writer) extend() bool {
	if w.exhausted {
		return false
	}
	if w.delivery == nil && w.isTooLong(len(w.out)) { // nothing of the response is used
		w.exhausted, w.tooLong, w.limit = true, true, -1
		return false
	}
	if more := len(w.out); w.lease.TryGrow(2 * more) { // a buffer doubles
		w.limit += more
		if most := w.executor.options.MaxResponseBytes; most > 0 && w.delivery == nil {
			w.limit = min(w.limit, most)
		}
		return true
	}
	w.exhausted, w.shed = true, true
	w.add(responseError{
		fetchID: projectionErrors, deferID: w.deferID, path: slices.Clone(w.path), code: CodeOverloaded,
		message: "The response was cut off here: the router's memory for responses is used up.",
	})
	return false
}

// isTooLong reports whether a response exceeds its limit.
func (w *writer) isTooLong(length int) bool {
	most := w.executor.options.MaxResponseBytes
	return most > 0 && length > most
}

func (w *writer) lengthError() responseError {
	return responseError{
		fetchID: projectionErrors, deferID: w.deferID, code: CodeMaxResponseBytes,
		message: fmt.Sprintf("The response is larger than the limit of %d bytes. Request fewer fields or shorter lists.", w.executor.options.MaxResponseBytes),
	}
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
