package execute

import (
	"context"
	"fmt"

	"souk/router/internal/jsonscan"
)

// merge stores the response of a fetch in the tree.
func (x *execution) merge(ctx context.Context, f *fetch) {
	state := &x.states[f.id]
	if x.executor.turns.begin(ctx, state.responseBytes()) {
		defer x.executor.turns.end()
	}
	x.mergeCached(f, state)
	if state.stats.Found > 0 {
		x.limit(state.found)
	}
	early := x.early != nil && x.early.fetch.id == f.id
	if early {
		x.forgetGapErrors()
	}
	if state.sent || f.stream {
		control, err := x.mergeResponse(ctx, f, state)
		if err != nil {
			x.failFetch(ctx, f, err)
			state.stats.invalid(err)
		}
		state.lookedUp()
		x.limit(control)
	}
	if early {
		x.settle(f)
	}
	if !f.stream {
		x.response.Fetches = append(x.response.Fetches, state.stats)
	}
}

// limit applies the cache control of a fetch to the whole response.
func (x *execution) limit(c CacheControl) {
	if !x.controlSet {
		x.control, x.controlSet = c, true
		return
	}
	x.control = x.control.and(c)
}

// and combines the cache control of two parts of a response. If either must not
// be kept, neither may the whole, whether or not the other has a header.
func (c CacheControl) and(d CacheControl) CacheControl {
	both := CacheControl{Private: c.Private || d.Private, Age: max(c.Age, d.Age)}
	if c.Set && c.MaxAge == 0 || d.Set && d.MaxAge == 0 {
		both.Set = true
		return both
	}
	both.Set, both.MaxAge = c.Set && d.Set, min(c.MaxAge, d.MaxAge)
	return both
}

// malformed is the error for a response that is not valid.
func malformed(format string, args ...any) *TransportError {
	return &TransportError{Code: CodeMalformed, Message: fmt.Sprintf(format, args...)}
}

// mergeResponse stores the subgraph's response in the tree and returns its cache
// control. On an error the tree is unchanged.
func (x *execution) mergeResponse(ctx context.Context, f *fetch, state *fetchState) (CacheControl, error) {
	var none CacheControl
	if state.err != nil {
		return none, state.err
	}
	a := &x.reader
	if !x.beginMerge(state) {
		return none, malformed("has too many responses")
	}
	members, err := x.read(f, state)
	if err != nil {
		if repaired := jsonscan.Repair(a.text); repaired != nil {
			a.rollback()
			if x.early != nil {
				x.early.restart(repaired)
			} else {
				a.replaceText(repaired)
			}
			members, err = x.read(f, state)
		}
	}
	if err == nil && !members.data.is() && !members.errors.is() && !members.null {
		err = malformed("responded with neither data nor errors")
	}
	if err != nil {
		a.rollback()
		for i := range state.entities {
			state.entities[i].fetched = state.entities[i].fetched[:0]
		}
		if status := state.response.Status; status < 200 || status > 299 {
			return none, &TransportError{Code: CodeHTTP, Message: fmt.Sprintf("responded with status %d", status), Status: status, Err: err}
		}
		return none, err
	}
	if members.extensions.is() && x.executor.options.ReturnExtensions != nil {
		x.keepExtensions(a.text[members.extensions.start:members.extensions.end])
	}
	clean := true
	if members.errors.is() {
		clean, err = x.subgraphErrors(ctx, f, state, a.text[members.errors.start:members.errors.end])
		if err != nil {
			return none, err
		}
	}
	if status := state.response.Status; clean && (status < 200 || status > 299) {
		wrong := &TransportError{Code: CodeHTTP, Message: fmt.Sprintf("responded with status %d", status), Status: status}
		x.report(ctx, f, wrong)
		state.stats.failed(wrong.Code, wrong.Message)
		clean = false
	}
	state.failed = !clean
	state.stats.NoData = !clean && !hasData(a.text[members.data.start:members.data.end])
	if clean && !members.data.is() && !members.null {
		return none, malformed("responded without data")
	}
	if members.data.is() || clean {
		x.reportMissing(f, state)
	}
	control := parseCacheControl(state.response.Header)
	x.store(ctx, f, state, control, members)
	control.Public, control.Revalidate = false, false
	for _, l := range state.lookups {
		control.Private = control.Private || l.Private
	}
	return control, nil
}

// beginMerge makes the reader read a response, or the rest of one that was used while it arrived. It
// returns false if there are too many.
func (x *execution) beginMerge(state *fetchState) bool {
	if x.early != nil {
		return x.early.resume(state.response.Body, state.response.Body.B)
	}
	return x.reader.begin(&x.tree, x.program, state.response.Body.B)
}

// responseMembers are where the members of a response are. Null members are
// left out.
type responseMembers struct {
	data, errors, extensions span

	null bool // the data is null
}

func (s span) is() bool { return s.end > 0 }

// read reads a whole response: {"data":…,"errors":…,"extensions":…}.
func (x *execution) read(f *fetch, state *fetchState) (responseMembers, error) {
	var p responseMembers
	b := x.reader.text
	i := jsonscan.Space(b, 0)
	if i >= len(b) {
		return p, malformed("responded with nothing")
	}
	if b[i] != '{' {
		if jsonscan.Valid(b) {
			return p, malformed("responded with JSON that is not an object")
		}
		return p, invalid(b, i)
	}
	i, more := first(b, i, '}')
	for more {
		start := i
		if i >= len(b) || b[i] != '"' {
			return p, invalid(b, i)
		}
		if i = jsonscan.String(b, i); i < 0 {
			return p, invalid(b, ^i)
		}
		key := plain(b[start:i])
		if i = jsonscan.Colon(b, i); i < 0 {
			return p, invalid(b, ^i)
		}
		start = i
		var err error
		if string(key) == `"data"` && i < len(b) && b[i] != 'n' {
			i, err = x.readData(i, f, state)
			p.data = span{uint32(start), uint32(max(i, 0))}
		} else {
			i = jsonscan.Value(b, i)
			p.null = p.null || string(key) == `"data"`
			if string(key) == `"errors"` && i > 0 && b[start] != 'n' {
				p.errors = span{uint32(start), uint32(i)}
			}
			if (x.executor.options.ReturnExtensions != nil || len(state.lookups) > 0) && string(key) == `"extensions"` && i > 0 {
				p.extensions = span{uint32(start), uint32(i)}
			}
		}
		if err != nil {
			return p, err
		}
		if i < 0 {
			return p, invalid(b, ^i)
		}
		i, more = jsonscan.Next(b, i, '}')
	}
	if i < 0 {
		return p, invalid(b, ^i)
	}
	if i = jsonscan.Space(b, i); i < len(b) {
		return p, invalid(b, i)
	}
	return p, nil
}

// first moves into the object or array at i. It returns the index of its first
// member and true, or the index after it and false if it is empty.
func first(b []byte, i int, end byte) (int, bool) {
	if i = jsonscan.Space(b, i+1); i < len(b) && b[i] == end {
		return i + 1, false
	}
	return i, true
}

func invalid(b []byte, i int) error {
	if i >= len(b) {
		return malformed("sent JSON that ends too early, after %d bytes", len(b))
	}
	return malformed("sent what is not JSON, at byte %d", i)
}

// readData reads the data at index i, which is not null.
func (x *execution) readData(i int, f *fetch, state *fetchState) (int, error) {
	b, a := x.reader.text, &x.reader
	if b[i] != '{' {
		return 0, malformed("responded with data that is not an object")
	}
	if f.entities == nil {
		if f.stream {
			return a.object(i, 0, f.shape), nil
		}
		return x.readIntoAll(i, state.objects, f.shape), nil
	}
	i, more := first(b, i, '}')
	for more {
		start := i
		if i >= len(b) || b[i] != '"' {
			return ^i, nil
		}
		if i = jsonscan.String(b, i); i < 0 {
			return i, nil
		}
		key := plain(b[start:i])
		if i = jsonscan.Colon(b, i); i < 0 {
			return i, nil
		}
		fetch := -1
		for j, e := range f.entities {
			if string(e.responseKey) == string(key) {
				fetch = j
			}
		}
		var err error
		if fetch >= 0 && i < len(b) && b[i] != 'n' {
			i, err = x.entities(i, f.entities[fetch], &state.entities[fetch])
		} else {
			i = jsonscan.Value(b, i)
		}
		if err != nil || i < 0 {
			return i, err
		}
		i, more = jsonscan.Next(b, i, '}')
	}
	return i, nil
}

// entities reads the list of one _entities field.
func (x *execution) entities(i int, fetch *entityFetch, e *entityState) (int, error) {
	b := x.reader.text
	if b[i] != '[' {
		return 0, malformed("responded with _entities that is not a list")
	}
	want, got := e.sendCount(), 0
	var more bool
	if e.resumeAt > 0 {
		got = len(e.fetched)
		i, more = jsonscan.Next(b, e.resumeAt, ']')
	} else {
		e.fetched = e.fetched[:0]
		i, more = first(b, i, ']')
	}
	for ; more; got++ {
		if i >= len(b) {
			return ^i, nil
		}
		start := i
		answered := span{}
		switch {
		case got >= want:
			i = jsonscan.Value(b, i)
		case got < e.merged: // from a response that was lost on the way
			i = jsonscan.Value(b, i)
			answered = span{uint32(start), uint32(max(i, 0))}
		case b[i] == 'n':
			i = jsonscan.Value(b, i)
			answered = span{uint32(start), uint32(max(i, 0))}
		case b[i] == '{':
			i = x.entity(i, fetch, e, e.number(got))
			answered = span{uint32(start), uint32(max(i, 0))}
		default:
			return 0, malformed("responded with an entity that is not an object")
		}
		if i < 0 {
			return i, nil
		}
		e.fetched = append(e.fetched, answered)
		if x.early != nil {
			x.early.merged(e, got+1, i)
		}
		i, more = jsonscan.Next(b, i, ']')
	}
	if i >= 0 && got != want {
		return 0, malformed("responded with %d entities for %d representations", got, want)
	}
	return i, nil
}

// entity reads the entity at index i into the objects of a representation.
func (x *execution) entity(i int, fetch *entityFetch, e *entityState, number int) int {
	t := e.targets[e.first[number]]
	if t.next < 0 {
		return x.reader.object(i, t.object, fetch.shape)
	}
	x.reader.targets = x.reader.targets[:0]
	for at := e.first[number]; at >= 0; at = e.targets[at].next {
		x.reader.targets = append(x.reader.targets, e.targets[at])
	}
	return x.readIntoAll(i, x.reader.targets, fetch.shape)
}

// readIntoAll reads the object at index i into several stored objects. Those
// that were reached through the same types share what is below: all later
// fetches treat them alike.
func (x *execution) readIntoAll(i int, objects []targetObject, s *shape) int {
	a := &x.reader
	end := 0
	a.sources = a.sources[:0]
	for _, to := range objects {
		if !x.program.noSharing && a.shareAny(to, s) {
			continue
		}
		if a.isNew(to.object, s) {
			a.sources = append(a.sources, to)
		}
		if end = a.object(i, to.object, s); end < 0 {
			return end
		}
	}
	return end
}

// markReported marks what an object lacks of a shape's fields as reported: an
// error states why.
func (t *tree) markReported(object uint32, s *shape) {
	for i := range s.fields {
		f := &s.fields[i]
		if f.slot == headerSlot {
			t.values[object].flags |= reportedFlag
		} else {
			t.markValueReported(object+uint32(f.slot), f.child)
		}
	}
}

func (t *tree) markValueReported(at uint32, s *shape) {
	switch v := t.values[at]; {
	case v.missing():
		t.values[at].flags |= reportedFlag
	case v.kind == objectKind && s != nil:
		t.markReported(v.a, s)
	case v.kind == arrayKind:
		for i := range v.b {
			t.markValueReported(v.a+i, s)
		}
	}
}

// markFetchReported marks everything that a fetch should have stored and has
// not.
func (x *execution) markFetchReported(f *fetch) {
	state := &x.states[f.id]
	if f.stream {
		x.tree.markReported(0, f.shape)
	}
	for _, o := range state.objects {
		x.tree.markReported(o.object, f.shape)
	}
	for i, e := range f.entities {
		for _, t := range state.entities[i].targets {
			x.tree.markReported(t.object, e.shape)
		}
	}
}
