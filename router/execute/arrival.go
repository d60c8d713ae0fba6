package execute

import (
	"bytes"
	"context"
	"math"
	"net/http"
	"time"

	"souk/router/operation"
)

// Early gets a response while the last subgraph response still arrives.
type Early interface {
	// Begin is called, at most once and before Send, when it is certain that nothing of what is sent
	// early can change any more. There may be errors in the end, even if there are none so far.
	Begin()
	// Send is called with the response so far, which always begins with what Send was given before.
	// It is valid until the response is released. Send must not block.
	Send(body []byte)
}

// An arrival is the response to the last fetch of an execution while it arrives. Its entities are
// merged as soon as they are complete, and the client's response is written up to the first place whose
// entity is missing: see sketch.go.
//
// A response may be lost on the way and asked for again. Entities that were merged stay, and those of the
// other response are read after them.
type arrival struct {
	execution *execution
	fetch     *fetch
	ctx       context.Context
	header    http.Header
	since     time.Time
	// apart is set if another goroutine than that of the execution receives the response.
	apart bool
	// next is how long the body must be until the arrival looks at it again.
	next int
	// begun is set once the client's response is sent while this one arrives.
	begun bool
	// waiting is set once enough of the response has arrived, but not for long enough.
	waiting *waiting
	// bodies are those that the tree refers to. The last one is read now, and used is how
	// much of it has been read.
	bodies []*Buffer
	used   int
}

// mayBeEarly reports whether the client's response may be sent while that of a fetch arrives, if it is the
// last one.
func (x *execution) mayBeEarly(f *fetch) bool {
	p := x.program
	return x.req.Early != nil && p.kind == operation.Query && len(p.payloads) == 0 && x.req.Files == nil && x.executor.options.Cache == nil &&
		f.entities != nil && len(f.entities) < anyFetch && (f.special == nil || f.special.renaming == nil) && !p.whole.Load()
}

// attend prepares the arrival of the response to a fetch, which is attached to the memory of the response:
// that accompanies the request to where the response is read.
func (x *execution) attend(ctx context.Context, f *fetch, state *fetchState) {
	if x.mayBeEarly(f) {
		a := &state.arrival
		a.execution, a.fetch, a.ctx, a.next = x, f, ctx, math.MaxInt
		state.room.arrival = a
	}
}

// awaitResult waits for the next fetch that ends. If it is the last one of all, its response is used while it
// arrives.
func (x *execution) awaitResult() *fetch {
	if x.req.Early == nil || x.running != 1 || x.remaining[0] != 1 || x.program.whole.Load() {
		return <-x.results
	}
	x.last.Store(true)
	defer x.last.Store(false)
	for {
		select {
		case f := <-x.results:
			return f
		case use := <-x.parts:
			use()
		}
	}
}

// Arriving is called when the head of a response has been read. coded is set if the body has a content
// coding.
func (r *MemoryReservation) Arriving(status int, header http.Header, coded bool) {
	if r == nil || r.arrival == nil {
		return
	}
	a := r.arrival
	if w := a.waiting; w != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.text = nil
	}
	a.header, a.next = header, math.MaxInt
	switch {
	case coded || status < 200 || status > 299:
	case a.begun:
		a.next = 0
	default:
		a.since, a.next = a.execution.executor.options.Now(), a.execution.executor.options.EarlyBytes
	}
}

// Whole is called if the response must not be used before it is complete.
func (r *MemoryReservation) Whole() {
	if r != nil {
		r.arrival = nil
	}
}

// Arrived is called when a part of the body has arrived, and more may follow. The caller may append to b
// or replace it.
func (r *MemoryReservation) Arrived(b *Buffer) {
	if r == nil || r.arrival == nil {
		return
	}
	a := r.arrival
	if w := a.waiting; w != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.rethrow()
	}
	if len(b.B) < a.next {
		return
	}
	x := a.execution
	if !a.begun {
		if left := x.executor.options.EarlyDelay - x.executor.options.Now().Sub(a.since); left > 0 {
			a.wait(b, left)
			return
		}
	}
	if !a.use(b, b.B) {
		a.wait(b, minWait)
	}
}

// use uses a part of the body in the goroutine of the execution, or while that waits for it. It returns false if
// the fetch is not the last one yet.
func (a *arrival) use(b *Buffer, text []byte) bool {
	x := a.execution
	if !a.apart {
		if x.remaining[0] == 1 {
			a.part(b, text)
		} else {
			a.next = math.MaxInt // others depend on it
		}
		return true
	}
	if !x.last.Load() {
		return false
	}
	used := make(chan struct{})
	x.parts <- func() {
		defer close(used)
		a.part(b, text)
	}
	<-used
	return true
}

// part uses what has arrived of the body: text, which begins b.
func (a *arrival) part(b *Buffer, text []byte) {
	x := a.execution
	if x.executor.turns.begin(a.ctx, len(text)-a.used) {
		defer x.executor.turns.end()
	}
	if !a.begun && !a.begin(text) || !a.resume(b, text) {
		a.next = math.MaxInt
		return
	}
	state := &x.states[a.fetch.id]
	// An error means that the text ends too early, or that the whole response will have it.
	_, _ = x.read(a.fetch, state)
	x.reader.rollback()
	clear(x.reader.misses)
	for i := range state.entities[:len(a.fetch.entities)] {
		a.used = max(a.used, state.entities[i].resumeAt)
	}
	// The beginning of an entity is read again when the text is longer, so that long ones do not take
	// quadratic time.
	a.next = a.used + max(len(text)-a.used, 2*(len(text)-a.used-maxReread)) + 1
	x.pour()
}

// maxReread is the length of the beginning of an entity that is read again whenever more has arrived.
const maxReread = 4 << 10

// begin decides whether the client's response is sent from now on.
func (a *arrival) begin(text []byte) bool {
	x := a.execution
	control := parseCacheControl(a.header)
	if x.controlSet {
		control = x.control.and(control)
	}
	if control.Set && control.MaxAge > 0 || !startsWithData(text) {
		return false // the header depends on whether there are errors
	}
	if denied(x.response.Fetches) != 0 || !x.sketch(a.fetch) {
		return false
	}
	a.begun, x.early = true, a
	x.req.Early.Begin()
	for i := range a.fetch.entities {
		e := &x.states[a.fetch.id].entities[i]
		e.merged, e.resumeAt, e.fetched = 0, 0, e.fetched[:0]
	}
	return true
}

// startsWithData reports whether the first member of a response is its data, so that errors, if
// there are any, follow.
func startsWithData(text []byte) bool {
	text, found := bytes.CutPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{"))
	return found && bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte(`"data"`))
}

// resume makes the reader go on with a text, which continues the last one or is that of another
// attempt. b begins with it.
func (a *arrival) resume(b *Buffer, text []byte) bool {
	r := &a.execution.reader
	last := len(a.bodies) - 1
	switch {
	case last >= 0 && a.bodies[last] == b:
	case last >= 0 && bytes.HasPrefix(text, a.bodies[last].B[:a.used]):
		b.Retain()
		a.bodies[last].Release()
		a.bodies[last] = b
	default:
		if !a.restart(text) {
			return false
		}
		b.Retain()
		a.bodies = append(a.bodies, b)
		return true
	}
	r.replaceText(text)
	r.commit()
	return true
}

// restart makes the reader begin with another text of the same response. Entities that have been merged
// are passed over.
func (a *arrival) restart(text []byte) bool {
	x := a.execution
	if !x.reader.begin(&x.tree, x.program, text) {
		return false
	}
	a.used = 0
	for i := range a.fetch.entities {
		e := &x.states[a.fetch.id].entities[i]
		e.resumeAt, e.fetched = 0, e.fetched[:0]
	}
	return true
}

// merged notes that the entities up to a number have been merged, and that the text goes on at an index.
func (a *arrival) merged(e *entityState, number, at int) {
	a.execution.reader.commit()
	e.resumeAt = at
	if number <= e.merged {
		return
	}
	e.merged = number
	if number > e.sendCount() {
		return
	}
	for t := e.first[e.number(number-1)]; t >= 0; t = e.targets[t].next {
		if header := &a.execution.tree.values[e.targets[t].object]; header.objects != anyFetch {
			header.objects = 0
		}
	}
}

// reset forgets the arrival.
func (a *arrival) reset() {
	for _, b := range a.bodies {
		b.Release()
	}
	clear(a.bodies)
	*a = arrival{bodies: a.bodies[:0]}
}
