package conformance

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
)

// A requestLog records the requests to subgraphs.
type requestLog struct {
	mu    sync.Mutex
	lines []string
}

func (l *requestLog) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

func (l *requestLog) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.lines
	l.lines = nil
	return lines
}

type record = map[string]any

// A server is a subgraph whose data is a JSON object. The keys are type names; the
// values are the fields of a root type or lists of entities.
//
// A field is looked up by its name, or by its name and arguments, as in
// `price(currency:"EUR")`. A field without a value is an error, because the router
// must not request it. Some values are special:
//
//	{"$": "text {a.b}"}     the text with values from the object, including those
//	                        in the representation, which shows that the router
//	                        sent a required field
//	{"$error": "text"}      an error
//	{"$header": "Name"}     a header of the request
//	{"$http": {…}}          another HTTP response; see misbehaviour
//
// The value of a subscription field is the list of its events.
type server struct {
	name   string
	schema *ast.Schema
	data   record
	log    *requestLog
}

func newServer(name, sdl string, data []byte, log *requestLog) (*server, error) {
	s := &server{name: name, log: log}
	if err := decode(data, &s.data); err != nil {
		return nil, err
	}
	doc, err := parser.ParseSchema(&ast.Source{Name: name, Input: sdl})
	if err != nil {
		return nil, err
	}
	var entities []string
	doc.SchemaExtension = nil
	for _, d := range append(doc.Definitions, doc.Extensions...) {
		if d.Kind == ast.Object && d.Directives.ForName("key") != nil {
			entities = append(entities, d.Name)
		}
		d.Directives = nil
		for _, f := range d.Fields {
			f.Directives = nil
			for _, a := range f.Arguments {
				a.Directives = nil
			}
		}
		for _, v := range d.EnumValues {
			v.Directives = nil
		}
	}
	var text strings.Builder
	formatter.NewFormatter(&text).FormatSchemaDocument(doc)
	if doc.Definitions.ForName("Query") == nil && doc.Extensions.ForName("Query") == nil {
		text.WriteString("type Query { _service: String }\n")
	}
	if entities != nil {
		text.WriteString("scalar _Any union _Entity = " + strings.Join(entities, "|") + " extend type Query { _entities(representations: [_Any!]!): [_Entity]! }")
	}
	s.schema, err = gqlparser.LoadSchema(&ast.Source{Name: name, Input: text.String()})
	return s, err
}

// decode decodes JSON and keeps numbers as they are written.
func decode(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(into)
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Query     string
		Variables record
	}
	var body bytes.Buffer
	if _, err := body.ReadFrom(r.Body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err := decode(body.Bytes(), &request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	line := s.name + " " + request.Query
	if len(request.Variables) > 0 {
		line += " " + text(request.Variables)
	}
	s.log.add(line)
	e := s.execution(request.Query, request.Variables)
	e.header = r.Header
	if e.errors == nil && e.document.Operations[0].Operation == ast.Subscription {
		e.stream(w)
		return
	}
	answer := e.answer()
	if e.misbehaviour != nil {
		e.misbehaviour.serve(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if _, err := w.Write(answer); err != nil {
		panic(http.ErrAbortHandler)
	}
}

type fieldError struct {
	Message string `json:"message"`
	Path    []any  `json:"path,omitempty"`
}

func (s *server) execution(query string, variables record) *execution {
	e := &execution{server: s}
	var err error
	if e.document, err = parser.ParseQuery(&ast.Source{Input: query}); err == nil {
		if list := validator.ValidateWithRules(s.schema, e.document, nil); len(list) > 0 {
			err = list
		} else {
			e.variables, err = validator.VariableValues(s.schema, e.document.Operations[0], variables)
		}
	}
	if err != nil {
		e.errors = append(e.errors, fieldError{Message: err.Error()})
	}
	return e
}

// answer returns the response to an operation.
func (e *execution) answer() []byte {
	if e.errors != nil {
		return []byte(text(record{"data": nil, "errors": e.errors}))
	}
	operation := e.document.Operations[0]
	root := e.schema.Query
	if operation.Operation == ast.Mutation {
		root = e.schema.Mutation
	}
	object, _ := e.data[root.Name].(record)
	return e.answerOn(root.Name, object)
}

func (e *execution) answerOn(root string, object record) []byte {
	data, _ := e.object(root, object, e.document.Operations[0].SelectionSet, nil)
	out := record{"data": data}
	if e.errors != nil {
		out["errors"] = e.errors
	}
	return []byte(text(out))
}

// stream sends the events of a subscription as server-sent events.
func (e *execution) stream(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/event-stream")
	root := e.schema.Subscription.Name
	field := e.document.Operations[0].SelectionSet[0].(*ast.Field)
	events, _ := e.data[root].(record)[field.Name].([]any)
	for _, value := range events {
		e.errors = nil
		fmt.Fprintf(w, "event: next\ndata: %s\n\n", e.answerOn(root, record{field.Name: value}))
	}
	fmt.Fprint(w, "event: complete\ndata:\n\n")
}

// A misbehaviour is an HTTP response that is not a proper GraphQL response.
type misbehaviour struct {
	Status   int    // 200 if zero
	Type     string // application/json if empty
	Body     string
	Location string
	// Cut closes the connection before the end of the body. Hang sends no
	// response.
	Cut, Hang bool
}

func (m *misbehaviour) serve(w http.ResponseWriter, r *http.Request) {
	if m.Hang {
		<-r.Context().Done()
		return
	}
	w.Header().Set("Content-Type", cmp.Or(m.Type, "application/json"))
	if m.Location != "" {
		w.Header().Set("Location", m.Location)
	}
	if m.Cut {
		w.Header().Set("Content-Length", strconv.Itoa(len(m.Body)+1))
	}
	w.WriteHeader(cmp.Or(m.Status, http.StatusOK))
	if _, err := w.Write([]byte(m.Body)); err != nil {
		panic(http.ErrAbortHandler)
	}
}

func text(value any) string {
	b, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// An execution executes one operation (GraphQL, section 6).
type execution struct {
	*server
	document  *ast.QueryDocument
	variables record
	errors    []fieldError
	header    http.Header
	// misbehaviour, if set, replaces the response.
	misbehaviour *misbehaviour
}

// object executes a selection set on an object. It returns false if a non-null
// field is null, so that the object has to be null.
func (e *execution) object(typename string, of record, set ast.SelectionSet, path []any) (any, bool) {
	out := record{}
	for _, f := range e.collect(nil, typename, set) {
		at := append(slices.Clip(path), f.Alias)
		if f.Name == "__typename" {
			out[f.Alias] = typename
			continue
		}
		value, err := e.value(typename, of, f)
		if err != nil {
			e.errors = append(e.errors, fieldError{Message: err.Error(), Path: at})
			value = nil
		}
		done, ok := e.complete(f.Definition.Type, value, f.SelectionSet, at)
		if !ok {
			return nil, false
		}
		out[f.Alias] = done
	}
	return out, true
}

func (e *execution) collect(fields []*ast.Field, typename string, set ast.SelectionSet) []*ast.Field {
	for _, sel := range set {
		switch sel := sel.(type) {
		case *ast.Field:
			merged := false
			for i, f := range fields {
				if f.Alias == sel.Alias {
					both := *f
					both.SelectionSet = slices.Concat(f.SelectionSet, sel.SelectionSet)
					fields[i], merged = &both, true
				}
			}
			if !merged {
				fields = append(fields, sel)
			}
		case *ast.InlineFragment:
			if e.is(typename, sel.TypeCondition) {
				fields = e.collect(fields, typename, sel.SelectionSet)
			}
		case *ast.FragmentSpread:
			if f := e.document.Fragments.ForName(sel.Name); e.is(typename, f.TypeCondition) {
				fields = e.collect(fields, typename, f.SelectionSet)
			}
		}
	}
	return fields
}

func (s *server) is(typename, condition string) bool {
	if condition == "" || condition == typename {
		return true
	}
	for _, t := range s.schema.PossibleTypes[condition] {
		if t.Name == typename {
			return true
		}
	}
	return false
}

// value resolves a field (GraphQL, section 6.4.2).
func (e *execution) value(typename string, of record, f *ast.Field) (any, error) {
	args := f.ArgumentMap(e.variables)
	if f.Name == "_entities" {
		var entities []any
		for _, r := range args["representations"].([]any) {
			entities = append(entities, e.entity(r.(record)))
		}
		return entities, nil
	}
	var list []string
	for _, a := range f.Definition.Arguments {
		if v, ok := args[a.Name]; ok {
			list = append(list, a.Name+":"+text(v))
		}
	}
	value, ok := of[f.Name+"("+strings.Join(list, ",")+")"]
	if !ok {
		value, ok = of[f.Name]
	}
	if !ok {
		return nil, fmt.Errorf("%s has no value for %s.%s", e.name, typename, f.Name)
	}
	if special, ok := value.(record); ok {
		if message, ok := special["$error"].(string); ok {
			return nil, fmt.Errorf("%s", message)
		}
		if template, ok := special["$"].(string); ok {
			return fill(template, of)
		}
		if name, ok := special["$header"].(string); ok {
			return e.header.Get(name), nil
		}
		if answer, ok := special["$http"]; ok {
			return nil, json.Unmarshal([]byte(text(answer)), &e.misbehaviour)
		}
	}
	return value, nil
}

var hole = regexp.MustCompile(`\{[\w.]+\}`)

func fill(template string, of record) (_ any, err error) {
	filled := hole.ReplaceAllStringFunc(template, func(h string) string {
		var value any = of
		for name := range strings.SplitSeq(h[1:len(h)-1], ".") {
			object, _ := value.(record)
			var ok bool
			if value, ok = object[name]; !ok {
				err = fmt.Errorf("%s was not sent", h)
			}
		}
		return strings.Trim(text(value), `"`)
	})
	return filled, err
}

// entity returns the entity identified by a representation, or nil. It adds the
// other fields of the representation.
func (s *server) entity(representation record) any {
	typename := representation["__typename"].(string)
	entities, _ := s.data[typename].([]any)
	for _, candidate := range entities {
		// A representation can consist of __typename only.
		found, matches := record{"__typename": typename}, len(representation) == 1
		for name, value := range candidate.(record) {
			found[name] = value
			if sent, ok := representation[name]; ok && name != "__typename" && fits(value, sent) {
				matches = true
			} else if ok && name != "__typename" {
				matches = false
				break
			}
		}
		if !matches {
			continue
		}
		for name, sent := range representation {
			if _, ok := found[name]; !ok {
				found[name] = sent
			}
		}
		return found
	}
	return nil
}

// fits reports whether a value has all the fields that were sent.
func fits(value, sent any) bool {
	switch sent := sent.(type) {
	case record:
		object, ok := value.(record)
		for name, v := range sent {
			ok = ok && (name == "__typename" || fits(object[name], v))
		}
		return ok
	case []any:
		list, ok := value.([]any)
		ok = ok && len(list) == len(sent)
		for i := range sent {
			ok = ok && fits(list[i], sent[i])
		}
		return ok
	}
	return reflect.DeepEqual(value, sent)
}

// complete completes a value (GraphQL, section 6.4.3). It returns false if the value
// is null but the type is not nullable.
func (e *execution) complete(t *ast.Type, value any, set ast.SelectionSet, path []any) (any, bool) {
	if value != nil {
		value = e.completeNullable(t, value, set, path)
	}
	return value, value != nil || !t.NonNull
}

func (e *execution) completeNullable(t *ast.Type, value any, set ast.SelectionSet, path []any) any {
	if t.Elem != nil {
		list := []any{}
		for i, item := range value.([]any) {
			done, ok := e.complete(t.Elem, item, set, append(path[:len(path):len(path)], i))
			if !ok {
				return nil
			}
			list = append(list, done)
		}
		return list
	}
	of, ok := value.(record)
	if !ok || set == nil {
		return value
	}
	typename := t.NamedType
	if e.schema.Types[typename].IsAbstractType() {
		typename, _ = of["__typename"].(string)
		if !e.is(typename, t.NamedType) {
			e.errors = append(e.errors, fieldError{Message: fmt.Sprintf("%s cannot be a %s", text(of), t.NamedType), Path: path})
			return nil
		}
	}
	done, _ := e.object(typename, of, set, path)
	return done
}
