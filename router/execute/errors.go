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
	"strings"

	"souk/internal/memory"
)

// A responseError is an error of the client's response.
type responseError struct {
	// fetchID orders errors: those of a fetch by its ID, and those found while
	// writing the response after them.
	fetchID int
	// deferID is the payload that delivers the error, or 0.
	deferID int
	message string
	path    []pathElement
	code    string
	service string // in the response
	// hidden is the subgraph if the response does not name it.
	hidden     string
	extensions map[string]json.RawMessage
	// input is where the value is stored that the error is about, and was the value,
	// if it is an input of a fetch; otherwise 0.
	input uint32
	was   value
	// null is where the null is that the error explains, if the client may not have selected it.
	null nullPlace
}

const (
	// projectionErrors is the fetchID of errors found while writing the
	// response.
	projectionErrors = math.MaxInt
	// maxErrors is how many errors a client is sent; the others are counted.
	maxErrors = 1000
)

// A pathElement is a key or, if the key is empty, an index.
type pathElement struct {
	key   string
	index int
}

func (x *execution) add(e responseError) {
	if len(x.errors) >= maxErrors {
		x.dropped++
		return
	}
	x.errors = append(x.errors, e)
}

// failFetch reports that a fetch has no response.
func (x *execution) failFetch(ctx context.Context, f *fetch, err error) {
	x.report(ctx, f, err)
	x.markFetchReported(f)
	x.states[f.id].stats.Err = err
}

// report adds an error about a whole fetch.
func (x *execution) report(ctx context.Context, f *fetch, err error) {
	e := responseError{fetchID: f.id, deferID: f.deferID, path: x.responsePathOf(f), service: f.subgraph, code: CodeHTTP}
	x.shed = x.shed || errors.Is(err, memory.ErrExhausted)
	what := "could not be called"
	var t *TransportError
	if errors.As(err, &t) && t.Errors != nil && x.reportList(e, t) {
		return
	}
	switch {
	case errors.As(err, &t):
		e.code, what = t.Code, t.Message
	case errors.Is(err, context.Canceled):
		e.code, what = cancelled(ctx)
	case errors.Is(err, context.DeadlineExceeded):
		e.code, what = CodeTimeout, "did not respond in time"
	}
	if t != nil {
		e.addStatus(failureStatus(t.Status))
	}
	if x.executor.options.LogError != nil && e.code != CodeCancelled {
		logged := FetchError{Subgraph: f.subgraph, Code: e.code, Message: err.Error()}
		if t != nil {
			logged.Status = failureStatus(t.Status)
		}
		x.executor.options.LogError(ctx, logged)
	}
	e.message = fmt.Sprintf("Subgraph %q %s.", f.subgraph, what)
	cause := err
	if t != nil {
		cause = t.Err // the message says the rest
	}
	if x.req.Internals && cause != nil {
		e.message += " (" + cause.Error() + ")"
	}
	x.add(e)
}

// failureStatus returns an HTTP status if it is no success, otherwise 0.
func failureStatus(status int) int {
	if status >= 200 && status <= 299 {
		return 0
	}
	return status
}

// addStatus adds the status of a response that is no success to the extensions, as http.status, unless
// the subgraph has a member http of its own there.
func (e *responseError) addStatus(status int) {
	if _, own := e.extensions["http"]; own || status == 0 {
		return
	}
	if e.extensions == nil {
		e.extensions = map[string]json.RawMessage{}
	}
	e.extensions["http"] = fmt.Appendf(nil, `{"status":%d}`, status)
}

// cancelled returns the code for a fetch that was cancelled, and what is said of its subgraph.
// Only the client's own cancellation is the client's.
func cancelled(ctx context.Context) (code, what string) {
	switch cause := context.Cause(ctx); {
	case cause == nil: // the client waits: the transport or an extension has cancelled the fetch
		return CodeHTTP, "could not be called"
	case errors.Is(cause, ErrShuttingDown):
		return CodeShuttingDown, "did not respond before the router shut down"
	case errors.Is(cause, context.DeadlineExceeded):
		return CodeTimeout, "did not respond in time"
	default:
		return CodeCancelled, "did not respond before the request was cancelled"
	}
}

// reportList adds the errors that a transport returns for the client. It returns
// false if there are none.
func (x *execution) reportList(e responseError, t *TransportError) bool {
	var list []subgraphError
	if json.Unmarshal(t.Errors, &list) != nil {
		return false
	}
	for _, given := range list {
		e.message, e.code, e.extensions = given.Message, t.Code, given.Extensions
		var code string
		if json.Unmarshal(given.Extensions["code"], &code) == nil && code != "" && code != CodeCancelled {
			e.code = code
		}
		x.add(e)
	}
	return len(list) > 0
}

// A subgraphError is an error in a subgraph's response.
type subgraphError struct {
	Message    string
	Path       []pathElement
	Extensions map[string]json.RawMessage
}

// UnmarshalJSON reads the members that have the right form and ignores the
// others.
func (e *subgraphError) UnmarshalJSON(text []byte) error {
	// A member of another form stays empty.
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

// subgraphErrors adds the errors of a response with the client's paths. It
// returns true if there are none.
func (x *execution) subgraphErrors(ctx context.Context, f *fetch, state *fetchState, text []byte) (bool, error) {
	var list []subgraphError
	if err := json.Unmarshal(text, &list); err != nil {
		return false, malformed("sent errors that are not a list")
	}
	for _, sent := range list {
		e := x.translate(f, sent)
		status := failureStatus(state.response.Status)
		e.addStatus(status)
		if log := x.executor.options.LogError; log != nil {
			log(ctx, FetchError{Subgraph: f.subgraph, Code: e.code, Message: sent.Message, Path: pathText(sent.Path), Status: status})
		}
		state.stats.failed(e.code, e.message)
		if f.entities != nil {
			x.entityError(f, state, e, sent.Path)
			continue
		}
		state.hasErrors = true
		if len(sent.Path) == 0 {
			e.path = x.responsePathOf(f)
			x.add(e)
			x.markFetchReported(f)
			continue
		}
		places := []occurrence{{}}
		if len(f.path()) > 0 {
			places = x.occurrences(f.path(), func(uint32) bool { return true })
		}
		x.addErrorAt(e, places, sent.Path, f.shape)
	}
	return len(list) == 0, nil
}

// A FetchError is an error of a request to a subgraph, for the log.
type FetchError struct {
	Subgraph string
	// Code is the one that the client gets, Message that of the subgraph, or why there is no
	// response.
	Code, Message string
	// Path is where the subgraph says that the error is, such as product.reviews.0, or empty.
	Path string
	// Status is the HTTP status of the response if that is no success, otherwise 0.
	Status int
}

// maxPathText bounds the path of a FetchError, in bytes.
const maxPathText = 500

func pathText(path []pathElement) string {
	var b strings.Builder
	for i, p := range path {
		if b.Len() > maxPathText {
			break
		}
		if i > 0 {
			b.WriteByte('.')
		}
		if p.key != "" {
			b.WriteString(p.key)
		} else {
			b.WriteString(strconv.Itoa(p.index))
		}
	}
	return b.String()
}

// translate makes an error for the client, still without a path.
func (x *execution) translate(f *fetch, sent subgraphError) responseError {
	e := responseError{fetchID: f.id, deferID: f.deferID, message: sent.Message, service: f.subgraph, extensions: sent.Extensions, code: CodeDownstream}
	var code string
	if json.Unmarshal(sent.Extensions["code"], &code) == nil && code != "" && code != CodeCancelled {
		e.code = code // the subgraph cannot know that the client has cancelled: it got no response
	}
	if hide := x.executor.options.HideErrors; !x.req.Internals && hide != nil && hide(f.subgraph) {
		e.message, e.service, e.hidden, e.extensions = "A subgraph reported an error.", "", f.subgraph, nil
	}
	if e.message == "" {
		e.message = fmt.Sprintf("Subgraph %q reported an error without a message.", f.subgraph)
	}
	return e
}

// entityError adds an error of an entity fetch, once for each occurrence of the
// entity in the response.
func (x *execution) entityError(f *fetch, state *fetchState, e responseError, path []pathElement) {
	fetch := -1
	if len(path) > 0 {
		fetch = slices.IndexFunc(f.entities, func(field *entityFetch) bool {
			return path[0].key != "" && string(field.responseKey) == string(appendString(nil, path[0].key))
		})
	}
	if fetch < 0 {
		e.path = x.responsePathOf(f)
		x.add(e)
		x.markFetchReported(f)
		for i := range state.entities {
			state.entities[i].hasErrors = true
			clear(state.entities[i].fetched)
		}
		return
	}
	to, from := f.entities[fetch], &state.entities[fetch]
	from.hasErrors = true
	if len(path) < 2 || path[1].key != "" || path[1].index < 0 || path[1].index >= from.sendCount() {
		e.path = x.responsePathOf(f)
		x.add(e)
		for _, t := range from.targets {
			x.tree.markReported(t.object, to.shape)
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
	var places []occurrence
	for i := range to.targets {
		places = append(places, x.occurrences(to.targets[i].path, func(o uint32) bool { return objects[o] })...)
	}
	x.addErrorAt(e, places, path[2:], to.shape)
}

// addErrorAt adds an error for each occurrence, and marks the nulls that it
// explains.
func (x *execution) addErrorAt(e responseError, places []occurrence, path []pathElement, s *shape) {
	for _, p := range places {
		at := slices.Clone(p.path)
		shape := s
		for _, element := range path {
			if element.key != "" {
				i := shape.byResponseKey(element.key)
				if i < 0 {
					break
				}
				element.key, shape = x.program.storageKey(shape, i), shape.fields[i].child
			}
			at = append(at, element)
		}
		e.path, e.null = x.responsePath(at), nil
		if n := x.markPathReported(p.object, path, s); n > 0 && x.program.conditional {
			e.null = slices.Clone(at[:len(p.path)+n]) // or every path would be allocated
		}
		x.add(e)
	}
}

// byResponseKey returns the index of the field with a response key; -1 if there is none.
func (s *shape) byResponseKey(name string) int {
	if s == nil {
		return -1
	}
	return slices.IndexFunc(s.fields, func(f shapeField) bool { return f.key() == name })
}

// markPathReported marks the null that is met on a path from an object. It returns the length of
// the path to that null if the response that is read has it, or to a run that has it, otherwise 0.
func (x *execution) markPathReported(object uint32, path []pathElement, s *shape) int {
	if len(path) == 0 {
		x.tree.markReported(object, s)
		return 0
	}
	v := value{a: object, tag: tag{kind: objectKind}}
	for i, element := range path {
		var at uint32
		var r *run
		in := v.a
		switch {
		case v.kind == objectKind && element.key != "":
			k := s.byResponseKey(element.key)
			if k < 0 || s.fields[k].slot == headerSlot {
				return 0
			}
			at, s, r = in+uint32(s.fields[k].slot), s.fields[k].child, s.fields[k].run
		case v.kind == arrayKind && element.key == "" && element.index >= 0 && element.index < int(v.b):
			at = in + uint32(element.index)
		default:
			return 0
		}
		v = x.tree.values[at]
		inRun := x.tree.hasRun(in, r)
		if !inRun && !v.missing() && i < len(path)-1 {
			continue
		}
		x.tree.markValueReported(at, s)
		if inRun {
			v = x.tree.values[in+r.slot]
		}
		if (inRun || v.kind == nullKind) && v.body == x.reader.body {
			return i + 1
		}
		return 0
	}
	return 0
}

// An occurrence is an object with a path to it, by storage keys and indices. A
// shared object has several.
type occurrence struct {
	object uint32
	path   []pathElement
}

// occurrences finds the objects at the end of a path, at each of their paths, up
// to the maximum number of errors.
func (x *execution) occurrences(path []segment, want func(object uint32) bool) []occurrence {
	var found []occurrence
	var current []pathElement
	var visit func(v value, path []segment)
	visitFrom := func(object uint32, path []segment) {
		if len(path) == 0 {
			if want(object) && len(found) < maxErrors {
				found = append(found, occurrence{object, slices.Clone(current)})
			}
			return
		}
		if path[0].slot > headerSlot {
			current = append(current, pathElement{key: path[0].storageKey})
			visit(x.tree.values[object+uint32(path[0].slot)], path)
			current = current[:len(current)-1]
		}
	}
	visit = func(v value, path []segment) {
		switch v.kind {
		case objectKind:
			if t := x.tree.values[v.a].typ; t == noType || path[0].types.has(t) {
				visitFrom(v.a, path[1:])
			}
		case arrayKind:
			for i := range v.b {
				current = append(current, pathElement{index: int(i)})
				visit(x.tree.values[v.a+i], path)
				current = current[:len(current)-1]
			}
		}
	}
	visitFrom(0, path)
	return found
}

// responsePath translates storage keys to response keys. The path ends at the last
// field that the client has selected.
func (x *execution) responsePath(stored []pathElement) []pathElement {
	return x.program.projection.responsePath(stored)
}

// responsePath returns the longest translation: each object type can have
// selections of its own, and types may not be known yet.
func (s *selection) responsePath(stored []pathElement) []pathElement {
	if len(stored) == 0 {
		return nil
	}
	if stored[0].key == "" {
		return append([]pathElement{stored[0]}, s.responsePath(stored[1:])...)
	}
	if s == nil {
		return nil
	}
	var longest []pathElement
	for i := range s.fields {
		if f := &s.fields[i]; f.source == storedSource && f.storageKey() == stored[0].key && len(longest) < len(stored) {
			if path := f.sel.responsePath(stored[1:]); len(path) >= len(longest) {
				longest = append([]pathElement{{key: f.responseKey()}}, path...)
			}
		}
	}
	return longest
}

// responsePathOf is the response path to the objects of a fetch, up to the
// first list.
func (x *execution) responsePathOf(f *fetch) []pathElement {
	return x.program.responsePathTo(f.target())
}

func (p *Program) responsePathTo(stored []segment) []pathElement {
	var path []pathElement
	sel := p.projection
	for i := range stored {
		f := sel.byStorageKey(stored[i].storageKey)
		if f == nil {
			break
		}
		path = append(path, pathElement{key: f.responseKey()})
		if sel = f.sel; f.lists > 0 {
			break
		}
	}
	return path
}

func (s *selection) byStorageKey(key string) *field {
	if s == nil {
		return nil
	}
	for i := range s.fields {
		if f := &s.fields[i]; f.source == storedSource && f.storageKey() == key {
			return f
		}
	}
	return nil
}

// sortErrors sorts errors in the order of the plan's fetches, without those that do not concern the client.
func (x *execution) sortErrors() {
	if len(x.errors) == 0 {
		return
	}
	x.dropUnselected()
	slices.SortStableFunc(x.errors, func(x, y responseError) int { return cmp.Compare(x.fetchID, y.fetchID) })
	if slices.ContainsFunc(x.errors, func(e responseError) bool { return e.input != 0 }) {
		x.dropSuperseded()
	}
	if x.dropped > 0 {
		x.errors = append(x.errors, responseError{
			code: CodeInternal, message: fmt.Sprintf("%d more errors are left out.", x.dropped),
		})
		x.dropped = 0
	}
}

// dropSuperseded removes errors about inputs that a later fetch has replaced, and all but
// the first error at a path: several fetches may need one value, the client may have
// selected it, and the inputs that the client has not selected share the path of the object
// that they belong to.
func (x *execution) dropSuperseded() {
	seen := map[string]bool{}
	x.errors = slices.DeleteFunc(x.errors, func(e responseError) bool {
		if e.code != CodeInvalidValue {
			return false
		}
		if now := x.tree.values[e.input]; e.input != 0 && (now.kind != e.was.kind || now.a != e.was.a || now.body != e.was.body) {
			return true
		}
		path := fmt.Sprint(e.path)
		repeated := seen[path]
		seen[path] = repeated || e.input != 0
		return repeated
	})
}

// codes returns the errors' codes.
func codes(errors []responseError) []string {
	var list []string
	for i := range errors {
		list = append(list, errors[i].code)
	}
	return list
}

// services returns the subgraphs that the errors come from.
func services(errors []responseError) []string {
	var list []string
	for i := range errors {
		list = append(list, cmp.Or(errors[i].service, errors[i].hidden))
	}
	return list
}

// appendErrors appends a list of errors.
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
