package execute

import (
	"context"
	"fmt"

	"souk/router/internal/jsonscan"
)

// merge writes what a step was answered into the tree.
func (r *run) merge(ctx context.Context, s *step) {
	run := &r.steps[s.id]
	r.mergeCached(s, run)
	if run.stats.Found > 0 {
		r.limit(run.found)
	}
	if run.sent || s.stream {
		control, err := r.mergeResponse(ctx, s, run)
		if err != nil {
			r.fail(s, err)
		}
		r.limit(control)
	}
	if !s.stream {
		r.response.Fetches = append(r.response.Fetches, run.stats)
	}
}

// limit takes a fetch's control into account for the whole answer.
func (r *run) limit(c CacheControl) {
	if !r.asked {
		r.control, r.asked = c, true
		return
	}
	r.control = r.control.and(c)
}

// and gives the control of an answer made of two. One that must not be kept
// decides, whether or not the other says anything.
func (c CacheControl) and(d CacheControl) CacheControl {
	if c.Set && c.MaxAge == 0 || d.Set && d.MaxAge == 0 {
		return CacheControl{Set: true, Private: c.Private || d.Private}
	}
	return CacheControl{Set: c.Set && d.Set, MaxAge: min(c.MaxAge, d.MaxAge), Private: c.Private || d.Private}
}

// malformed is what is wrong with an answer.
func malformed(format string, args ...any) *TransportError {
	return &TransportError{Code: CodeMalformed, Message: fmt.Sprintf(format, args...)}
}

// mergeResponse writes the subgraph's answer into the tree, and gives the
// subgraph's word on how long it holds. On an error the tree is unchanged.
func (r *run) mergeResponse(ctx context.Context, s *step, run *stepRun) (CacheControl, error) {
	var none CacheControl
	if run.err != nil {
		return none, run.err
	}
	a := &r.answer
	if !a.begin(&r.tree, r.program, run.response.Body.B) {
		return none, malformed("has too many answers")
	}
	parts, err := r.read(s, run)
	if err != nil {
		if repaired := jsonscan.Repair(a.text); repaired != nil {
			a.undo()
			a.replace(repaired)
			parts, err = r.read(s, run)
		}
	}
	if err == nil && !parts.data.is() && !parts.errors.is() && !parts.null {
		err = malformed("answered neither data nor errors")
	}
	if err != nil {
		a.undo()
		for i := range run.entities {
			run.entities[i].fetched = run.entities[i].fetched[:0]
		}
		if status := run.response.Status; status < 200 || status > 299 {
			return none, &TransportError{Code: CodeHTTP, Message: fmt.Sprintf("answered with status %d", status), Status: status, Err: err}
		}
		return none, err
	}
	clean := true
	if parts.errors.is() {
		clean, err = r.subgraphErrors(s, run, a.text[parts.errors.start:parts.errors.end])
		if err != nil {
			return none, err
		}
	}
	if status := run.response.Status; clean && (status < 200 || status > 299) {
		r.report(s, &TransportError{Code: CodeHTTP, Message: fmt.Sprintf("answered with status %d", status), Status: status})
		clean = false
	}
	if clean && !parts.data.is() && !parts.null {
		return none, malformed("answered no data")
	}
	if parts.data.is() || clean {
		r.reportLeftOut(s, run)
	}
	control := parseCacheControl(run.response.Header)
	r.store(ctx, s, run, control, parts.data)
	control.Public = false
	for _, l := range run.lookups {
		control.Private = control.Private || l.Private
	}
	return control, nil
}

// parts are where the members of a response are; data and errors that are
// null are left out.
type parts struct {
	data, errors span
	null         bool // the data is null
}

func (s span) is() bool { return s.end > 0 }

// read reads a whole response: {"data":…,"errors":…}.
func (r *run) read(s *step, run *stepRun) (parts, error) {
	var p parts
	b := r.answer.text
	i := jsonscan.Space(b, 0)
	if i >= len(b) {
		return p, malformed("answered nothing")
	}
	if b[i] != '{' {
		if jsonscan.Valid(b) {
			return p, malformed("answered JSON that is not an object")
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
			i, err = r.data(i, s, run)
			p.data = span{uint32(start), uint32(max(i, 0))}
		} else {
			i = jsonscan.Value(b, i)
			p.null = p.null || string(key) == `"data"`
			if string(key) == `"errors"` && i > 0 && b[start] != 'n' {
				p.errors = span{uint32(start), uint32(i)}
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

// first enters the object or array at i: it gives the index of its first
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

// data reads the data at i, which is not null.
func (r *run) data(i int, s *step, run *stepRun) (int, error) {
	b, a := r.answer.text, &r.answer
	if b[i] != '{' {
		return 0, malformed("answered data that is not an object")
	}
	if s.entities == nil {
		if s.stream {
			return a.object(i, 0, s.shape), nil
		}
		return r.spread(i, run.objects, s.shape), nil
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
		for j, e := range s.entities {
			if string(e.wire) == string(key) {
				fetch = j
			}
		}
		var err error
		if fetch >= 0 && i < len(b) && b[i] != 'n' {
			i, err = r.entities(i, s.entities[fetch], &run.entities[fetch])
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

// entities reads the answer of one _entities field.
func (r *run) entities(i int, fetch *entityFetch, e *entityRun) (int, error) {
	b := r.answer.text
	if b[i] != '[' {
		return 0, malformed("answered _entities that is not a list")
	}
	want, got := e.asked(), 0
	e.fetched = e.fetched[:0]
	i, more := first(b, i, ']')
	for ; more; got++ {
		if i >= len(b) {
			return ^i, nil
		}
		start := i
		answered := span{}
		switch {
		case b[i] == 'n' || got >= want:
			i = jsonscan.Value(b, i)
		case b[i] == '{':
			i = r.entity(i, fetch, e, e.number(got))
			answered = span{uint32(start), uint32(max(i, 0))}
		default:
			return 0, malformed("answered an entity that is not an object")
		}
		if i < 0 {
			return i, nil
		}
		e.fetched = append(e.fetched, answered)
		i, more = jsonscan.Next(b, i, ']')
	}
	if i >= 0 && got != want {
		return 0, malformed("answered %d entities for %d representations", got, want)
	}
	return i, nil
}

// entity reads the entity at i into the targets of a representation.
func (r *run) entity(i int, fetch *entityFetch, e *entityRun, number int) int {
	t := e.targets[e.first[number]]
	if t.next < 0 {
		return r.answer.object(i, t.object, fetch.shape)
	}
	r.answer.targets = r.answer.targets[:0]
	for at := e.first[number]; at >= 0; at = e.targets[at].next {
		r.answer.targets = append(r.answer.targets, e.targets[at])
	}
	return r.spread(i, r.answer.targets, fetch.shape)
}

// spread reads the object at i into several objects of the tree. Those that
// were reached through the same types share what is below them: all that
// follows is the same for them, too.
func (r *run) spread(i int, objects []targetObject, s *shape) int {
	a := &r.answer
	end := 0
	a.sources = a.sources[:0]
	for _, to := range objects {
		if !r.program.separate && a.shareAny(to, s) {
			continue
		}
		if a.fresh(to.object, s) {
			a.sources = append(a.sources, to)
		}
		if end = a.object(i, to.object, s); end < 0 {
			return end
		}
	}
	return end
}

// explain marks what is missing of a shape's fields in an object as explained
// by an error.
func (t *tree) explain(object uint32, s *shape) {
	for i := range s.fields {
		f := &s.fields[i]
		if f.slot == headerSlot {
			t.values[object].flags |= explainedFlag
		} else {
			t.explainValue(object+uint32(f.slot), f.child)
		}
	}
}

func (t *tree) explainValue(at uint32, s *shape) {
	switch v := t.values[at]; {
	case v.missing():
		t.values[at].flags |= explainedFlag
	case v.kind == objectKind && s != nil:
		t.explain(v.a, s)
	case v.kind == arrayKind:
		for i := range v.b {
			t.explainValue(v.a+i, s)
		}
	}
}

// explainStep marks all that a step should have answered and has not.
func (r *run) explainStep(s *step) {
	run := &r.steps[s.id]
	if s.stream {
		r.tree.explain(0, s.shape)
	}
	for _, o := range run.objects {
		r.tree.explain(o.object, s.shape)
	}
	for i, e := range s.entities {
		for _, t := range run.entities[i].targets {
			r.tree.explain(t.object, e.shape)
		}
	}
}
