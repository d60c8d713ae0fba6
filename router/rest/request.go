package rest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/internal/memory"
	"souk/router/internal/body"
	"souk/router/internal/jsonscan"
)

// request is a request while it is converted to the operation's variables.
type request struct {
	*coercer
	http           *http.Request
	header         http.Header // of the response
	route          *route
	graph          Executor
	given          map[string][]byte    // variables by name, as JSON
	givenNames     map[*variable]string // the name by which each variable was given
	short          map[*variable]bool   // variables given by @shorthand
	beside         map[string][]byte    // values that wrapped variables share, by name, as JSON
	versions       []int64              // the versions in If-Match; none for *
	idempotencyKey string
	body           []byte
	memory         memory.Lease // charged for the body
}

func (q *request) set(variable string, value []byte) { q.given[variable] = value }

func (q *request) refuse(v violation) { q.violations = append(q.violations, v) }

// variables returns the operation's variables as a JSON object.
func (q *request) variables() []byte {
	to := []byte{'{'}
	for _, v := range q.route.variables {
		value, given := q.given[v.name]
		if !given {
			continue
		}
		if len(to) > 1 {
			to = append(to, ',')
		}
		to = append(append(quote(to, v.name), ':'), value...)
	}
	return append(to, '}')
}

// read reads the variables from all parts of the request.
func (q *request) read(w http.ResponseWriter, path map[string]string, bodies *body.Reader) *problem {
	if p := q.readPath(path); p != nil {
		return p
	}
	if p := q.readQuery(); p != nil {
		return p
	}
	if p := q.readHeaders(); p != nil {
		return p
	}
	if p := q.readBody(w, bodies); p != nil {
		return p
	}
	if len(q.violations) > 0 {
		return invalidInput(q.violations)
	}
	return q.readIfMatch() // last: a precondition counts only for a request that is otherwise valid
}

func invalidInput(violations []violation) *problem {
	return &problem{problemKind: invalidValues, detail: summary(violations), errors: violations}
}

// mostSummed is the number of violations in the detail of a problem.
const mostSummed = 5

// summary describes violations in one line.
func summary(violations []violation) string {
	var parts []string
	for i, v := range violations {
		if i == mostSummed {
			parts = append(parts, fmt.Sprintf("and %d more", len(violations)-i))
			break
		}
		what := v.Name
		if v.In == "body" {
			what = cmp.Or(strings.TrimPrefix(strings.TrimPrefix(v.Pointer, "#"), "/"), "the body")
		}
		part := what + " " + v.Detail
		if v.Hint != "" {
			part += " (" + v.Hint + ")"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}

// readPath reads the path variables. An invalid value means that nothing exists at the path.
func (q *request) readPath(path map[string]string) *problem {
	for _, v := range q.route.variables {
		if v.source != fromPath {
			continue
		}
		at := position{in: "path", name: v.name}
		before := len(q.violations)
		q.give(v, parameterValue(path[v.name], v.typ), at)
		if len(q.violations) > before {
			wrong := q.violations[before]
			return &problem{problemKind: notFound, detail: fmt.Sprintf("Nothing exists at this path: %s %s.", v.name, wrong.Detail), errors: q.violations}
		}
	}
	return nil
}

// give coerces a value and sets a variable to it.
func (q *request) give(v *variable, from *jsonscan.Node, at position) {
	q.givenNames[v] = at.name
	coerced := q.coerce(nil, from, v.typ, v.limits, at)
	if v.wrap != nil && !from.IsNull() {
		coerced = q.wrapped(v, coerced)
	}
	q.set(v.name, coerced)
}

func (q *request) readQuery() *problem {
	query, err := url.ParseQuery(q.http.URL.RawQuery)
	if err != nil {
		return &problem{problemKind: brokenQuery, detail: "The query string is malformed: " + err.Error()}
	}
	var known []string
	if q.route.page != nil {
		known = q.route.page.parameters()
	}
	known = append(known, q.readBesides("query", fromQuery, func(name string, t *ast.Type) *jsonscan.Node {
		if texts := query[name]; len(texts) == 1 {
			return parameterValue(texts[0], t)
		} else if len(texts) > 1 {
			q.refuse(violation{In: "query", Name: name, Detail: "is given more than once"})
		}
		return nil
	})...)
	for _, v := range q.route.variables {
		if v.source != fromQuery {
			continue
		}
		known = append(known, v.requestName)
		if texts, given := query[v.requestName]; given {
			q.readParameter(v, texts)
		} else if v.required {
			q.refuse(violation{In: "query", Name: v.requestName, Detail: "is required"})
		}
	}
	q.needsAnyWrapped()
	names := make([]string, 0, len(query))
	for name := range query {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if !slices.Contains(known, name) {
			q.refuse(violation{In: "query", Name: name, Detail: "is not known", Hint: q.hint(name, known)})
		} else if q.route.page != nil && len(query[name]) > 1 && slices.Contains(q.route.page.parameters(), name) {
			q.refuse(violation{In: "query", Name: name, Detail: "is given more than once"})
		}
	}
	if q.route.page != nil {
		q.pageParameters(query)
	}
	return nil
}

func (q *request) readParameter(v *variable, texts []string) {
	at := position{in: "query", name: v.requestName}
	if v.typ.Elem != nil {
		all := &jsonscan.Node{Kind: jsonscan.KindArray}
		for _, s := range texts {
			all.Items = append(all.Items, *parameterValue(s, v.typ.Elem))
		}
		q.give(v, all, at)
		return
	}
	if len(texts) > 1 {
		q.coercer.refuse(at, "", "is given more than once")
		return
	}
	q.give(v, parameterValue(texts[0], v.typ), at)
}

func (q *request) readHeaders() *problem {
	for _, v := range q.route.variables {
		switch v.source {
		case fromHeader:
			if text := q.http.Header.Get(v.requestName); text != "" {
				q.give(v, parameterValue(text, v.typ), position{in: "header", name: v.requestName})
			} else if v.required {
				q.refuse(violation{In: "header", Name: v.requestName, Detail: "is required"})
			}
		case fromIdempotencyKey:
			if q.idempotencyKey != "" {
				q.set(v.name, quote(nil, q.idempotencyKey))
			}
		}
	}
	return nil
}

// readBody reads the JSON body and the variables that come from it.
func (q *request) readBody(w http.ResponseWriter, bodies *body.Reader) *problem {
	variables := q.route.bodyVariables()
	if q.route.method == http.MethodGet || q.route.method == http.MethodDelete {
		return nil
	}
	var read bytes.Buffer
	if err := bodies.Read(w, q.http, &read, &q.memory); err != nil {
		return unreadable(err)
	}
	body := read.Bytes()
	q.body = body
	if len(strings.TrimSpace(string(body))) == 0 {
		return q.emptyBody(variables)
	}
	if p := checkContentType(q.http); p != nil {
		return p
	}
	whole, err := jsonscan.Parse(body)
	if err != nil {
		return notJSON(body, err)
	}
	if whole.Kind != jsonscan.KindObject {
		q.coercer.refuse(position{in: "body"}, "", "must be an object, not %s", whole.Kind)
		return nil
	}
	q.readMembers(&whole, variables)
	return nil
}

// notJSON returns the problem for an error of [jsonscan.Parse].
func notJSON(body []byte, err error) *problem {
	p := &problem{problemKind: brokenJSON, detail: fmt.Sprintf("The body is not valid JSON: %v.", err)}
	var syntax *jsonscan.SyntaxError
	if errors.As(err, &syntax) {
		line, column := jsonscan.Position(body, syntax.Offset)
		p.detail = fmt.Sprintf("The body is not valid JSON: line %d, column %d: %s.", line, column, syntax.Reason)
		p.extra = []jsonscan.Member{intMember("line", line), intMember("column", column)}
	}
	return p
}

// unreadable returns the problem for a body that could not be read.
func unreadable(err error) *problem {
	p := &problem{problemKind: brokenBody, detail: err.Error()}
	var failed *body.Error
	if !errors.As(err, &failed) {
		return p
	}
	p.headers = failed.Header
	switch failed.Status {
	case http.StatusRequestTimeout:
		p.problemKind = bodyTimeout
	case http.StatusRequestEntityTooLarge:
		p.problemKind = contentTooLarge
	case http.StatusUnsupportedMediaType:
		p.problemKind = unsupportedMediaType
	case http.StatusServiceUnavailable:
		p.problemKind = unavailable
	}
	return p
}

func (q *request) emptyBody(variables []*variable) *problem {
	for _, v := range variables {
		if v.required {
			return &problem{problemKind: brokenJSON, detail: "The body is empty. It must be a JSON object with the member " + v.requestName + "."}
		}
	}
	return nil
}

// readMembers reads the variables from the members of the body.
func (q *request) readMembers(whole *jsonscan.Node, variables []*variable) {
	taken := map[string]bool{}
	known := q.readBesides("body", fromBody, func(name string, _ *ast.Type) *jsonscan.Node {
		value, given := whole.Member(name)
		if !given {
			return nil
		}
		taken[name] = true
		return value
	})
	for _, v := range variables {
		known = append(known, v.requestName)
		found := ""
		for _, name := range append([]string{v.requestName}, v.aliases...) {
			from, given := whole.Member(name)
			if !given {
				continue
			}
			taken[name] = true
			if found != "" {
				q.refuse(position{in: "body", name: name}.violation("duplicates "+found, "give one of them"))
				continue
			}
			found = name
			q.give(v, from, position{in: "body", name: name})
		}
		if v.shorthand != nil {
			known = append(known, fieldNames(v.shorthand)...)
			if q.readShorthand(whole, v, found, taken) {
				found = v.requestName
			}
		}
		if found == "" && v.required {
			hint := ""
			if v.shorthand != nil {
				hint = "or give " + strings.Join(fieldNames(v.shorthand), ", ")
			}
			q.refuse(position{in: "body", name: v.requestName}.violation("is required", hint))
		}
	}
	q.needsWrapped()
	for i := range whole.Members {
		if name := whole.Members[i].Name; !taken[name] {
			q.refuse(position{in: "body", name: name}.violation("is not known", q.hint(name, known)))
		}
	}
}

// readShorthand reads the only element of a list from the members of the body. It reports
// whether the body has any of the element's fields.
func (q *request) readShorthand(whole *jsonscan.Node, v *variable, found string, taken map[string]bool) bool {
	only := &jsonscan.Node{Kind: jsonscan.KindObject}
	for _, name := range fieldNames(v.shorthand) {
		if field, given := whole.Member(name); given {
			taken[name] = true
			only.Members = append(only.Members, jsonscan.Member{Name: name, Value: *field})
		}
	}
	if len(only.Members) == 0 {
		return false
	}
	if found != "" {
		q.refuse(position{in: "body", name: only.Members[0].Name}.violation("cannot be combined with "+found, "give one of them"))
		return true
	}
	q.short[v] = true
	element := q.object(nil, only, v.shorthand, position{in: "body"})
	q.set(v.name, append(append([]byte{'['}, element...), ']'))
	return true
}

// positionOf converts a path into the operation's input, such as price.decimal or
// lines[0].quantity, to the position in the request.
func (q *request) positionOf(path string) position {
	parts := strings.FieldsFunc(path, func(c rune) bool { return c == '.' || c == '[' || c == ']' || c == '/' })
	if len(parts) > 0 && parts[0] == "input" {
		parts = parts[1:]
	}
	for n := len(parts); n > 0; n-- {
		v := q.route.variableByInput[strings.Join(parts[:n], ".")]
		if v == nil {
			continue
		}
		rest := parts[n:]
		name := v.requestName
		if used := q.givenNames[v]; used != "" {
			name = used
		}
		if q.short[v] && len(rest) > 0 {
			name, rest = "", rest[1:]
		}
		if inner, below, ok := v.inWrapping(rest); ok {
			rest = below
			if inner != v.requestName {
				name = inner
			}
		}
		in := [...]string{fromPath: "path", fromQuery: "query", fromHeader: "header", fromBody: "body", fromIfMatch: "header", fromIdempotencyKey: "header", fromPage: "query"}[v.source]
		switch v.source {
		case fromIfMatch:
			name = "If-Match"
		case fromIdempotencyKey:
			name = "Idempotency-Key"
		}
		return position{in: in, name: name, pointer: rest}
	}
	return position{in: "body", pointer: parts}
}

// newRequest returns a request of a route. Its variables have not been read.
func newRequest(r *http.Request, route *route, c *coercer) *request {
	return &request{
		coercer:    c,
		http:       r,
		route:      route,
		given:      map[string][]byte{},
		givenNames: map[*variable]string{},
		short:      map[*variable]bool{},
		beside:     map[string][]byte{},
	}
}

func intMember(name string, n int) jsonscan.Member {
	return jsonscan.Member{Name: name, Value: jsonscan.Node{Kind: jsonscan.KindNumber, Raw: fmt.Appendf(nil, "%d", n)}}
}
