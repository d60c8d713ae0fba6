package execute

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"souk/internal/memory"
)

// A responseError is an error of the client's answer.
type responseError struct {
	// step orders errors: those of a step's subgraph by the step's ID, those
	// found while writing the answer after all of them.
	step int
	// part is the deferred part it is delivered with, or 0.
	part       int
	message    string
	path       []pathElement
	code       string
	service    string
	extensions map[string]json.RawMessage
}

const (
	// projectionStep is the step of errors found while writing the answer.
	projectionStep = math.MaxInt
	// maxErrors is how many errors a client is told; the rest is counted.
	maxErrors = 1000
)

// A pathElement is a key, or an index if the key is empty.
type pathElement struct {
	key   string
	index int
}

func (r *run) add(e responseError) {
	if len(r.errors) >= maxErrors {
		r.dropped++
		return
	}
	r.errors = append(r.errors, e)
}

// fail reports that a step has had no answer.
func (r *run) fail(s *step, err error) {
	r.report(s, err)
	r.explainStep(s)
	r.steps[s.id].stats.Err = err
}

// report adds an error about a whole step.
func (r *run) report(s *step, err error) {
	e := responseError{step: s.id, part: s.part, path: r.clientPlace(s), service: s.subgraph, code: CodeHTTP}
	r.shed = r.shed || errors.Is(err, memory.ErrExhausted)
	what := "could not be asked"
	var t *TransportError
	if errors.As(err, &t) && t.Errors != nil && r.reportList(e, t) {
		return
	}
	switch {
	case errors.As(err, &t):
		e.code, what = t.Code, t.Message
	case errors.Is(err, context.Canceled):
		e.code, what = CodeCancelled, "was not waited for: the request was cancelled"
	case errors.Is(err, context.DeadlineExceeded):
		e.code, what = CodeTimeout, "took too long"
	}
	e.message = fmt.Sprintf("Subgraph %q %s.", s.subgraph, what)
	if r.req.Internals && (t == nil || t.Err != nil) {
		e.message += " (" + err.Error() + ")"
	}
	r.add(e)
}

// reportList adds the errors that a transport wants the client to be told. It
// gives false if there are none.
func (r *run) reportList(e responseError, t *TransportError) bool {
	var list []subgraphError
	if json.Unmarshal(t.Errors, &list) != nil {
		return false
	}
	for _, given := range list {
		e.message, e.code, e.extensions = given.Message, t.Code, given.Extensions
		var code string
		if json.Unmarshal(given.Extensions["code"], &code) == nil && code != "" {
			e.code = code
		}
		r.add(e)
	}
	return len(list) > 0
}

// A subgraphError is an error as a subgraph sends it.
type subgraphError struct {
	Message    string
	Path       []pathElement
	Extensions map[string]json.RawMessage
}

// UnmarshalJSON takes what has the form it should have, and leaves the rest.
func (e *subgraphError) UnmarshalJSON(text []byte) error {
	// What does not fit stays empty.
	var members map[string]json.RawMessage
	_ = json.Unmarshal(text, &members)
	_ = json.Unmarshal(members["message"], &e.Message)
	_ = json.Unmarshal(members["extensions"], &e.Extensions)
	var path []json.RawMessage
	_ = json.Unmarshal(members["path"], &path)
	for _, p := range path {
		var element pathElement
		if json.Unmarshal(p, &element.index) != nil && json.Unmarshal(p, &element.key) != nil {
			break
		}
		e.Path = append(e.Path, element)
	}
	return nil //nolint:nilerr // the rest of a path of another form is left out
}

// subgraphErrors maps the errors of a step's answer to the client's paths. It
// gives true if there are none.
func (r *run) subgraphErrors(s *step, run *stepRun, text []byte) (bool, error) {
	var list []subgraphError
	if err := json.Unmarshal(text, &list); err != nil {
		return false, malformed("sent errors that are not a list")
	}
	for _, sent := range list {
		e := r.translate(s, sent)
		if s.entities != nil {
			r.entityError(s, run, e, sent.Path)
			continue
		}
		run.tainted = true
		if len(sent.Path) == 0 {
			e.path = r.clientPlace(s)
			r.add(e)
			r.explainStep(s)
			continue
		}
		places := []place{{}}
		if len(s.path) > 0 {
			places = r.places(s.path, func(uint32) bool { return true })
		}
		r.placeError(e, places, sent.Path, s.shape)
	}
	return len(list) == 0, nil
}

// translate makes a subgraph's error one for the client, yet without a path.
func (r *run) translate(s *step, sent subgraphError) responseError {
	e := responseError{step: s.id, part: s.part, message: sent.Message, service: s.subgraph, extensions: sent.Extensions, code: CodeDownstream}
	var code string
	if json.Unmarshal(sent.Extensions["code"], &code) == nil && code != "" {
		e.code = code
	}
	if hide := r.executor.options.HideErrors; !r.req.Internals && hide != nil && hide(s.subgraph) {
		e.message, e.service, e.extensions = "A subgraph reported an error.", "", nil
	}
	if e.message == "" {
		e.message = fmt.Sprintf("Subgraph %q reported an error without a message.", s.subgraph)
	}
	return e
}

// entityError adds an error of an entity step, once for each place that the
// entity it speaks of has in the answer.
func (r *run) entityError(s *step, run *stepRun, e responseError, path []pathElement) {
	fetch := -1
	if len(path) > 0 {
		fetch = slices.IndexFunc(s.entities, func(f *entityFetch) bool {
			return path[0].key != "" && string(f.wire) == string(appendString(nil, path[0].key))
		})
	}
	if fetch < 0 {
		e.path = r.clientPlace(s)
		r.add(e)
		r.explainStep(s)
		for i := range run.entities {
			run.entities[i].blamed = true
			clear(run.entities[i].fetched)
		}
		return
	}
	to, from := s.entities[fetch], &run.entities[fetch]
	from.blamed = true
	if len(path) < 2 || path[1].key != "" || path[1].index < 0 || path[1].index >= from.asked() {
		e.path = r.clientPlace(s)
		r.add(e)
		for _, t := range from.targets {
			r.tree.explain(t.object, to.shape)
		}
		clear(from.fetched)
		return
	}
	if i := path[1].index; i < len(from.fetched) {
		from.fetched[i] = span{}
	}
	objects := make(map[uint32]bool)
	for at := from.first[from.number(path[1].index)]; at >= 0; at = from.targets[at].next {
		objects[from.targets[at].object] = true
	}
	var places []place
	for _, t := range to.targets {
		places = append(places, r.places(t.path, func(o uint32) bool { return objects[o] })...)
	}
	r.placeError(e, places, path[2:], to.shape)
}

// placeError adds an error for each of several places, and marks the nulls
// that it explains.
func (r *run) placeError(e responseError, places []place, path []pathElement, s *shape) {
	for _, p := range places {
		at := slices.Clone(p.path)
		shape := s
		for _, element := range path {
			if element.key != "" {
				f := shape.byWire(element.key)
				if f == nil {
					break
				}
				element.key, shape = f.key, f.child
			}
			at = append(at, element)
		}
		e.path = r.clientPath(at)
		r.add(e)
		r.explainPath(p.object, path, s)
	}
}

func (s *shape) byWire(name string) *shapeField {
	if s == nil {
		return nil
	}
	for i := range s.fields {
		if wire := s.fields[i].wire; string(wire[1:len(wire)-1]) == name {
			return &s.fields[i]
		}
	}
	return nil
}

// explainPath marks the null that is met on a path from an object.
func (r *run) explainPath(object uint32, path []pathElement, s *shape) {
	if len(path) == 0 {
		r.tree.explain(object, s)
		return
	}
	v := value{kind: objectKind, a: object}
	for i, element := range path {
		var at uint32
		switch {
		case v.kind == objectKind && element.key != "":
			f := s.byWire(element.key)
			if f == nil || f.slot == headerSlot {
				return
			}
			at, s = v.a+uint32(f.slot), f.child
		case v.kind == arrayKind && element.key == "" && element.index >= 0 && element.index < int(v.b):
			at = v.a + uint32(element.index)
		default:
			return
		}
		if v = r.tree.values[at]; v.missing() || i == len(path)-1 {
			r.tree.explainValue(at, s)
			return
		}
	}
}

// A place is where an object stands in the tree: the way there by storage
// keys and indices.
type place struct {
	object uint32
	path   []pathElement
}

// places finds all places that a path leads to, shared objects at each of
// theirs, up to as many as there can be errors.
func (r *run) places(path []segment, want func(object uint32) bool) []place {
	var found []place
	var way []pathElement
	var enter func(v value, path []segment)
	from := func(object uint32, path []segment) {
		if len(path) == 0 {
			if want(object) && len(found) < maxErrors {
				found = append(found, place{object, slices.Clone(way)})
			}
			return
		}
		if path[0].slot > headerSlot {
			way = append(way, pathElement{key: path[0].key})
			enter(r.tree.values[object+uint32(path[0].slot)], path)
			way = way[:len(way)-1]
		}
	}
	enter = func(v value, path []segment) {
		switch v.kind {
		case objectKind:
			if t := r.tree.values[v.a].typ; t == noType || path[0].types.has(t) {
				from(v.a, path[1:])
			}
		case arrayKind:
			for i := range v.b {
				way = append(way, pathElement{index: int(i)})
				enter(r.tree.values[v.a+i], path)
				way = way[:len(way)-1]
			}
		}
	}
	from(0, path)
	return found
}

// clientPath translates storage keys to response keys, as far as the client
// has asked for what is there.
func (r *run) clientPath(stored []pathElement) []pathElement {
	return r.program.projection.clientPath(stored)
}

// clientPath gives the longest translation: what is selected of a field may be
// different for each type of object, and types may not be known yet.
func (s *selection) clientPath(stored []pathElement) []pathElement {
	if len(stored) == 0 {
		return nil
	}
	if stored[0].key == "" {
		return append([]pathElement{stored[0]}, s.clientPath(stored[1:])...)
	}
	if s == nil {
		return nil
	}
	var longest []pathElement
	for i := range s.fields {
		if f := &s.fields[i]; f.source == storedSource && f.store == stored[0].key && len(longest) < len(stored) {
			if path := f.sel.clientPath(stored[1:]); len(path) >= len(longest) {
				longest = append([]pathElement{{key: f.key}}, path...)
			}
		}
	}
	return longest
}

// clientPlace is the client's path to what a step is for, up to the first
// list.
func (r *run) clientPlace(s *step) []pathElement { return r.program.clientPlace(s.place) }

func (p *Program) clientPlace(keys []string) []pathElement {
	var path []pathElement
	sel := p.projection
	for _, key := range keys {
		f := sel.byStore(key)
		if f == nil {
			break
		}
		path = append(path, pathElement{key: f.key})
		if sel = f.sel; len(f.nonNull) > 1 {
			break
		}
	}
	return path
}

func (s *selection) byStore(key string) *field {
	if s == nil {
		return nil
	}
	for i := range s.fields {
		if f := &s.fields[i]; f.source == storedSource && f.store == key {
			return f
		}
	}
	return nil
}

// sortErrors brings the errors into the order of the plan's steps.
func (r *run) sortErrors() {
	slices.SortStableFunc(r.errors, func(x, y responseError) int { return cmp.Compare(x.step, y.step) })
	if r.dropped > 0 {
		r.errors = append(r.errors, responseError{
			code: CodeInternal, message: fmt.Sprintf("%d more errors are left out.", r.dropped),
		})
		r.dropped = 0
	}
}

// codes gives the errors' codes.
func codes(errors []responseError) []string {
	var list []string
	for i := range errors {
		list = append(list, errors[i].code)
	}
	return list
}

// appendErrors writes a list of errors.
func appendErrors(b []byte, errors []responseError) []byte {
	b = append(b, '[')
	for i := range errors {
		if i > 0 {
			b = append(b, ',')
		}
		b = errors[i].append(b)
	}
	return append(b, ']')
}

func (e *responseError) append(b []byte) []byte {
	b = appendString(append(b, `{"message":`...), e.message)
	if len(e.path) > 0 {
		b = appendPath(append(b, `,"path":`...), e.path)
	}
	b = appendString(append(b, `,"extensions":{"code":`...), e.code)
	names := make([]string, 0, len(e.extensions))
	for name := range e.extensions {
		if name != "code" && name != "service" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		b = append(appendKey(append(b, ','), name), e.extensions[name]...)
	}
	if e.service != "" {
		b = appendString(append(b, `,"service":`...), e.service)
	}
	return append(b, "}}"...)
}

func appendPath(b []byte, path []pathElement) []byte {
	b = append(b, '[')
	for i, element := range path {
		if i > 0 {
			b = append(b, ',')
		}
		if element.key != "" {
			b = appendString(b, element.key)
		} else {
			b = strconv.AppendInt(b, int64(element.index), 10)
		}
	}
	return append(b, ']')
}
