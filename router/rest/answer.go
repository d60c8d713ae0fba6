package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"souk/router/internal/jsonscan"
)

// response is a complete response. It is buffered so that it can be stored for a repeated
// Idempotency-Key.
type response struct {
	status int
	header http.Header
	body   []byte
}

func (r *response) writeTo(w http.ResponseWriter, head bool) {
	h := w.Header()
	for name, values := range r.header {
		if name == "Vary" { // other handlers, such as CORS, add to it
			values = append(slices.Clone(h["Vary"]), values...)
		}
		h[name] = values
	}
	w.WriteHeader(r.status)
	if !head {
		_, _ = w.Write(r.body) // an error means that the client has disconnected
	}
}

// answer converts the graph's answer to a response or a problem.
func (q *request) answer(answer *Response) (*response, *problem) {
	data, err := jsonscan.Parse(answer.Data)
	if len(answer.Data) == 0 {
		data, err = jsonscan.Node{}, nil
	}
	if err != nil {
		return nil, internal()
	}
	found, p := q.result(&data)
	if p != nil {
		return nil, p
	}
	if found.IsNull() {
		if len(answer.Errors) > 0 {
			return nil, q.graphProblem(answer)
		}
		missing := &problem{problemKind: q.route.missing}
		switch missing.status {
		case http.StatusNotFound:
			missing.detail = "Nothing exists at " + q.http.URL.Path + "."
		case http.StatusUnauthorized:
			missing.needsCaller = true
		default:
			missing.detail = missing.about
		}
		return nil, missing
	}
	return q.success(&data, found, answer), nil
}

// result returns the value that becomes the body, or nil if it is null. If the path to it
// meets a typed error, result returns a problem.
func (q *request) result(data *jsonscan.Node) (*jsonscan.Node, *problem) {
	at, shape := data, q.route.data
	path := q.route.result
	if len(path) == 0 {
		path = []string{q.route.body.key}
	}
	for _, key := range path {
		field := shape.field(key)
		at, _ = at.Member(key)
		if at.IsNull() {
			return nil, nil
		}
		shape = field.object
		if name, ok := at.Member("__typename"); ok {
			if typed := q.route.problems[name.Text]; typed != nil {
				return nil, q.typedProblem(typed, shape, at)
			}
		}
	}
	return at, nil
}

func (q *request) success(data, found *jsonscan.Node, answer *Response) *response {
	header := http.Header{}
	for name, values := range answer.Header {
		header[http.CanonicalHeaderKey(name)] = values
	}
	res := &response{status: q.route.status, header: header}
	if q.route.location != "" {
		header.Set("Location", q.expand(q.route.location, found))
	}
	if q.route.page != nil {
		q.route.page.headers(q.http, data, header)
	}
	if q.route.status == http.StatusNoContent {
		return res
	}
	header.Set("Content-Type", "application/json")
	res.body = append(q.route.body.write(nil, found), '\n')
	if len(answer.Errors) > 0 {
		header.Set(partialHeader, q.partial(found, answer.Errors))
	}
	if q.route.secret || len(answer.Errors) > 0 { // an incomplete body must not be cached
		header.Set("Cache-Control", "no-store")
		return res
	}
	version := ""
	if q.route.version != "" {
		version = q.route.body.object.scalar(found, q.route.version)
	}
	if q.route.reads() || version != "" {
		header.Set("ETag", entityTag(version, res.body))
	}
	return res
}

// expand replaces the names in a template with members of the result.
func (q *request) expand(template string, found *jsonscan.Node) string {
	for _, name := range templateNames(template) {
		text := q.route.body.object.scalar(found, name)
		template = strings.ReplaceAll(template, "{"+name+"}", url.PathEscape(text))
	}
	return template
}

// typedProblem converts a typed error of the schema to a problem.
func (q *request) typedProblem(typed *problemType, s *shape, v *jsonscan.Node) *problem {
	p := &problem{problemKind: typed.kind(), typed: true}
	for i := range v.Members {
		m := &v.Members[i]
		field := s.field(m.Name)
		if field == nil || m.Name == "__typename" {
			continue
		}
		switch {
		case m.Name == "message":
			p.detail = m.Value.ScalarText()
		case m.Name == "code":
			p.code = m.Value.ScalarText()
			if status, ok := typed.byCode[p.code]; ok {
				p.problemKind = kindOf(p.code, status, p.problemKind)
			}
		case field.violations:
			p.errors = q.violationsOf(&m.Value)
		case field.header != "":
			if !m.Value.IsNull() {
				p.withHeader(field.header, m.Value.ScalarText())
			}
		default:
			p.extra = append(p.extra, jsonscan.Member{Name: m.Name, Value: jsonscan.Node{Raw: field.write(nil, &m.Value)}})
		}
	}
	if len(p.errors) > 0 { // the message has paths into the GraphQL input, which clients do not know
		p.detail = summary(p.errors)
	}
	return p.withUsualHeaders()
}

func (q *request) violationsOf(list *jsonscan.Node) []violation {
	var all []violation
	for i := range list.Items {
		item := &list.Items[i]
		text := func(name string) string {
			v, _ := item.Member(name)
			if v.IsNull() {
				return ""
			}
			return v.ScalarText()
		}
		all = append(all, q.positionOf(text("path")).violation(text("message"), text("hint")))
	}
	return all
}

// graphProblem converts the errors of a GraphQL response to a problem. It uses the first error
// with the lowest status, since a 4xx tells the client more than a 5xx. Headers of the answer,
// such as Retry-After, are kept.
func (q *request) graphProblem(answer *Response) *problem {
	best, kind := &answer.Errors[0], graphKind(answer.Errors[0].code())
	for i := range answer.Errors {
		if k := graphKind(answer.Errors[i].code()); k.status < kind.status {
			best, kind = &answer.Errors[i], k
		}
	}
	if answer.Status != 0 {
		kind = kind.of(answer.Status)
	}
	p := &problem{problemKind: kind, detail: best.Message, headers: answer.Header.Clone()}
	p.needsCaller = kind.status == http.StatusUnauthorized && answer.Status == 0 // with a status, the message is complete
	p.headers.Del("Cache-Control")
	if best.code() != "" && best.code() != "BAD_USER_INPUT" { // INVALID_INPUT in REST
		p.code = best.code()
	}
	if fields, ok := best.Extensions["fields"].([]any); ok && kind == invalidValues {
		for _, each := range fields {
			field, _ := each.(map[string]any)
			p.errors = append(p.errors, q.positionOf(stringOf(field["path"])).violation(stringOf(field["message"]), stringOf(field["hint"])))
		}
		if len(p.errors) > 0 { // the message has paths into the GraphQL input, which clients do not know
			p.detail = summary(p.errors)
		}
	}
	if given, ok := best.Extensions["retryAfter"]; ok {
		p.withHeader("Retry-After", fmt.Sprint(given))
	}
	return p
}

// graphFailure returns the problem for an execution without an answer.
func graphFailure(ctx context.Context, err error) *problem {
	if errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
		return (&problem{problemKind: responseTimeout, detail: "The response took too long."}).withHeader("Retry-After", retryAfter)
	}
	return internal()
}

func internal() *problem {
	return &problem{problemKind: internalError, detail: "Internal error. The request itself may be valid."}
}
