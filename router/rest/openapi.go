package rest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// describe returns the OpenAPI 3.1 description of the routes.
func describe(h *Handler, title, version string) ([]byte, error) {
	s := &schemas{schema: h.schema, ids: h.ids, named: map[string]ordered{}}
	s.named["Problem"] = problemSchema()
	paths := ordered{}
	for _, r := range h.routes {
		item, _ := paths.get(r.path).(ordered)
		paths = paths.set(r.path, item.with(strings.ToLower(r.method), s.operation(r)))
	}
	paths = paths.with(healthPath, ordered{}.with("get", healthOperation()))
	components := ordered{}
	for _, name := range slices.Sorted(maps.Keys(s.named)) {
		components = components.with(name, s.named[name])
	}
	document := ordered{}.
		with("openapi", "3.1.0").
		with("info", ordered{}.with("title", cmp.Or(title, "REST API")).with("version", cmp.Or(version, "1")).
			with("description", "Every route is a GraphQL operation of the same graph. Errors are problem documents (RFC 9457).")).
		with("servers", []ordered{ordered{}.with("url", "/")}).
		with("security", []ordered{{}, ordered{}.with("bearer", []string{})}).
		with("paths", paths).
		with("components", ordered{}.with("schemas", components).
			with("securitySchemes", ordered{}.with("bearer", ordered{}.with("type", "http").with("scheme", "bearer").with("bearerFormat", "JWT"))))
	document = document.with("x-problems", documentedKinds(h.routes))
	compact, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("rest: describing the routes: %w", err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, compact, "", "  "); err != nil {
		return nil, fmt.Errorf("rest: describing the routes: %w", err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

func (s *schemas) operation(r *route) ordered {
	o := ordered{}.with("operationId", r.operation.Name).maybe("summary", r.summary).maybe("description", r.description)
	if r.tag != "" {
		o = o.with("tags", []string{r.tag})
	}
	if parameters := s.parameters(r); len(parameters) > 0 {
		o = o.with("parameters", parameters)
	}
	if body := s.requestBody(r); body != nil {
		o = o.with("requestBody", body)
	}
	return o.with("responses", s.responses(r))
}

func (s *schemas) parameters(r *route) []ordered {
	var all []ordered
	add := func(name, in, description string, required bool, schema ordered, example any) {
		p := ordered{}.with("name", name).with("in", in).maybe("description", description)
		if required {
			p = p.with("required", true)
		}
		p = p.with("schema", schema)
		if example != nil {
			p = p.with("example", example)
		}
		all = append(all, p)
	}
	for _, v := range r.variables {
		var example any
		if v.example != nil {
			example = literal(v.example)
		}
		typ := *v.typ
		typ.NonNull = true // a parameter can be absent but not null
		switch v.source {
		case fromPath:
			add(v.name, "path", v.description, true, s.limited(&typ, v.limits), example)
		case fromQuery:
			add(v.requestName, "query", v.description, v.required, s.limited(&typ, v.limits), example)
		case fromHeader:
			add(v.requestName, "header", v.description, v.required, s.limited(&typ, v.limits), example)
		}
	}
	for _, field := range r.besides(fromQuery) {
		typ := *field.Type
		typ.NonNull = true
		names := make([]string, 0, 2)
		for _, v := range r.beside(field) {
			names = append(names, v.requestName)
		}
		about := strings.TrimSpace(field.Description + " It must be given with " + strings.Join(names, " or ") + ".")
		add(field.Name, "query", about, false, s.limited(&typ, limitsOf(field.Directives)), nil)
	}
	text := ordered{}.with("type", "string")
	if r.page != nil {
		add(limitParameter, "query", "The maximum number of items.", false, ordered{}.with("type", "integer").with("minimum", 1).
			with("maximum", r.page.maxSize).with("default", r.page.size), nil)
		add(afterParameter, "query", "A cursor, from the Link header's rel=next.", false, s.cursor(r, afterParameter), nil)
		if r.page.backward {
			add(beforeParameter, "query", "A cursor, from the Link header's rel=prev.", false, s.cursor(r, beforeParameter), nil)
		}
	}
	if r.reads() {
		add("If-None-Match", "header", "An ETag. The response is 304 if it is still current.", false, text, nil)
	}
	if r.variableFrom(fromIfMatch) != nil {
		add("If-Match", "header", "An ETag. The change is made only if its version is still current.", false, text, nil)
	}
	if r.method == http.MethodPost && !r.secret {
		add(idempotencyHeader, "header", "Any string chosen by the client. A repeated request with the same key takes effect once.", false, slices.Clone(text).with("pattern", keyPattern), nil)
	}
	return all
}

// cursor returns the schema of a parameter that selects a page.
func (s *schemas) cursor(r *route, name string) ordered {
	for _, v := range r.variables {
		if v.source == fromPage && v.name == name {
			return s.limited(ast.NonNullNamedType("String", nil), v.limits).with("format", "cursor")
		}
	}
	return ordered{}.with("type", "string")
}

// requestBody returns the description of the request body, or nil if there is none.
func (s *schemas) requestBody(r *route) ordered {
	variables := r.bodyVariables()
	if len(variables) == 0 {
		return nil
	}
	properties, example, required, rules := ordered{}, ordered{}, []string{}, []ordered{}
	needs := func(names ...string) ordered { return ordered{}.with("required", names) }
	for _, v := range variables {
		schema := s.limited(v.typ, v.limits)
		description := v.description
		if len(v.aliases) > 0 {
			description = strings.TrimSpace(description + " Also called " + strings.Join(v.aliases, " or ") + ".")
		}
		properties = properties.with(v.requestName, described(schema, description))
		whole := needs(v.requestName)
		if v.shorthand != nil { // it excludes its fields
			none := ordered{}
			for _, field := range v.shorthand.Fields {
				none = none.with(field.Name, false)
			}
			whole = whole.with("properties", none)
		}
		one := []ordered{whole}
		for _, alias := range v.aliases {
			properties = properties.with(alias, described(schema, "The same as "+v.requestName+"."))
			one = append(one, needs(alias))
		}
		if v.shorthand != nil {
			var fields []string
			for _, field := range v.shorthand.Fields {
				properties = properties.with(field.Name, described(s.field(field), strings.TrimSpace(field.Description+" Instead of "+v.requestName+", for a list of one.")))
				if field.Type.NonNull && field.DefaultValue == nil {
					fields = append(fields, field.Name)
				}
			}
			one = append(one, needs(fields...))
		}
		switch {
		case v.required && len(one) == 1:
			required = append(required, v.requestName)
		case v.required:
			rules = append(rules, ordered{}.with("oneOf", one))
		}
		if v.example != nil {
			example = example.with(v.requestName, literal(v.example))
		}
	}
	for _, field := range r.besides(fromBody) {
		properties = properties.with(field.Name, described(s.field(field), field.Description))
	}
	schema := ordered{}.with("type", "object").with("properties", properties)
	if len(required) > 0 {
		schema = schema.with("required", required)
	}
	if needs := r.dependents(); len(needs) > 0 {
		schema = schema.with("dependentRequired", needs)
	}
	if len(rules) > 0 {
		schema = schema.with("allOf", rules)
	}
	schema = schema.with("additionalProperties", false)
	content := ordered{}.with("schema", schema)
	if len(example) > 0 {
		content = content.with("example", example)
	}
	return ordered{}.with("required", len(required)+len(rules) > 0).with("content", ordered{}.with("application/json", content))
}

func (s *schemas) responses(r *route) ordered {
	text := func(description string) ordered {
		return ordered{}.with("description", description).with("schema", ordered{}.with("type", "string"))
	}
	headers := ordered{}
	if r.location != "" {
		headers = headers.with("Location", text("The URL of the new resource."))
	}
	if r.status != http.StatusNoContent && (r.reads() || r.version != "") {
		headers = headers.with("ETag", text("Identifies exactly this body. It starts with the version of the resource, if it has one."))
	}
	if r.page != nil {
		headers = headers.with("Link", text("Where the pages around this one are: rel=next, prev, first (RFC 8288)."))
		if r.page.totalCounted {
			headers = headers.with("X-Total-Count", ordered{}.with("description", "The number of items on all pages, if the request asked for it.").
				with("schema", ordered{}.with("type", "integer")))
		}
	}
	if r.status != http.StatusNoContent {
		headers = headers.with(partialHeader, text("Only if something could not be fetched: what is null in the body for that reason, as a list of strings (RFC 9651). "+
			"Each is a JSON pointer, with * for any item of a list."))
	}
	success := ordered{}.with("description", cmp.Or(r.summary, http.StatusText(r.status)))
	if len(headers) > 0 {
		success = success.with("headers", headers)
	}
	if r.status != http.StatusNoContent {
		typ := *r.body.definition.Type
		typ.NonNull = true // a null is a 404
		success = success.with("content", ordered{}.with("application/json", ordered{}.with("schema", s.outputType(r.body, &typ))))
	}
	all := ordered{}.with(strconv.Itoa(r.status), success)
	if r.reads() {
		all = all.with("304", ordered{}.with("description", "If-None-Match contains the current ETag."))
	}
	for _, p := range s.problems(r) {
		all = all.with(strconv.Itoa(p.status), p.response())
	}
	return all.with("default", (&documentedProblem{names: []string{"Anything else that went wrong"}}).response())
}

// documentedProblem describes the problems that a route can return with one status.
type documentedProblem struct {
	status int
	names  []string
	types  []ordered // schemas that extend Problem
}

func (p *documentedProblem) response() ordered {
	schema := reference("Problem")
	if len(p.types) == 1 && len(p.names) == 1 {
		schema = p.types[0]
	} else if len(p.types) > 0 {
		schema = ordered{}.with("anyOf", append([]ordered{schema}, p.types...))
	}
	return ordered{}.with("description", strings.Join(p.names, "; ")+".").
		with("content", ordered{}.with("application/problem+json", ordered{}.with("schema", schema)))
}

// problems returns the known problems of a route, sorted by status.
func (s *schemas) problems(r *route) []*documentedProblem {
	found := map[int]*documentedProblem{}
	add := func(status int, name string, typ ordered) {
		p := found[status]
		if p == nil {
			p = &documentedProblem{status: status}
			found[status] = p
		}
		if !slices.Contains(p.names, name) {
			p.names = append(p.names, name)
		}
		if typ != nil {
			p.types = append(p.types, typ)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.problems)) {
		typed := r.problems[name]
		schema := s.typedProblem(typed)
		for _, code := range slices.Sorted(maps.Keys(typed.byCode)) {
			if typed.byCode[code] == http.StatusPreconditionFailed && r.variableFrom(fromIfMatch) == nil {
				continue
			}
			add(typed.byCode[code], titleOf(name)+", "+code, schema)
		}
		add(typed.status, titleOf(name), schema)
		if typed.status == http.StatusForbidden {
			add(http.StatusUnauthorized, titleOf(name)+", without an access token", nil)
		}
	}
	if len(r.variables) > 0 {
		add(http.StatusUnprocessableEntity, "Invalid input", nil)
	}
	if len(r.bodyVariables()) > 0 {
		add(http.StatusBadRequest, "Broken JSON", nil)
		add(http.StatusRequestEntityTooLarge, "Content too large", nil)
		add(http.StatusUnsupportedMediaType, "Unsupported media type", nil)
	}
	if slices.ContainsFunc(r.segments, func(s segment) bool { return s.variable }) || r.reads() && !r.body.definition.Type.NonNull && r.missing.status == http.StatusNotFound {
		add(http.StatusNotFound, "Not found", nil)
	}
	if r.missing.status != http.StatusNotFound {
		add(r.missing.status, r.missing.title, nil)
	}
	add(http.StatusServiceUnavailable, "A service is unavailable. Retry-After says when to try again", nil)
	return slices.SortedFunc(maps.Values(found), func(a, b *documentedProblem) int { return cmp.Compare(a.status, b.status) })
}

// typedProblem returns the schema of a typed error with additional members, or nil if it has
// none.
func (s *schemas) typedProblem(typed *problemType) ordered {
	own := &shape{definition: typed.definition}
	for _, f := range typed.shape.fields {
		if f.key != "message" && f.key != "code" && f.key != "__typename" && f.header == "" && !f.violations {
			own.fields = append(own.fields, f)
		}
	}
	if len(own.fields) == 0 {
		return nil
	}
	return s.name(typed.definition.Name, func() ordered {
		return ordered{}.maybe("description", typed.definition.Description).
			with("allOf", []ordered{reference("Problem"), s.object(own)})
	})
}

func problemSchema() ordered {
	property := func(kind, description string) ordered {
		return ordered{}.with("type", kind).with("description", description)
	}
	violation := ordered{}.with("type", "object").with("properties", ordered{}.
		with("in", property("string", "The part of the request.").with("enum", []string{"body", "path", "query", "header"})).
		with("pointer", property("string", "In the body: a JSON pointer as a URI fragment, `#/lines/0/quantity`.")).
		with("name", property("string", "The name of the parameter or header.")).
		with("detail", property("string", "What is wrong.")).
		with("hint", property("string", "What is expected instead."))).
		with("required", []string{"in", "detail"})
	return ordered{}.with("type", "object").with("description", "Why a request did not succeed (RFC 9457).").
		with("properties", ordered{}.
			with("type", property("string", "Identifies the type of problem.").with("format", "uri-reference")).
			with("title", property("string", "A short description of the type of problem.")).
			with("status", property("integer", "The HTTP status.")).
			with("detail", property("string", "What is wrong with this request.")).
			with("instance", property("string", "The requested path.").with("format", "uri-reference")).
			with("code", property("string", "The kind of problem, for programs; the same as in GraphQL.")).
			with("errors", property("array", "The invalid values.").with("items", violation)).
			with("trace_id", property("string", "Identifies the request in logs and traces."))).
		with("required", []string{"type", "title", "status"})
}

// documentedKinds lists all kinds of problems, sorted by status, for the documentation page.
func documentedKinds(routes []*route) []ordered {
	kinds := map[string]problemKind{}
	add := func(kind problemKind) { kinds[kind.name] = kind }
	for _, kind := range problemKinds {
		add(kind)
	}
	for _, r := range routes {
		for _, typed := range r.problems {
			add(typed.kind())
			for code, status := range typed.byCode {
				add(kindOf(code, status, typed.kind()))
			}
		}
	}
	sorted := slices.SortedFunc(maps.Values(kinds), func(a, b problemKind) int {
		return cmp.Or(cmp.Compare(a.status, b.status), cmp.Compare(a.name, b.name))
	})
	var all []ordered
	for _, kind := range sorted {
		all = append(all, ordered{}.with("name", kind.name).with("status", kind.status).with("title", kind.title).with("code", kind.code).maybe("description", kind.about))
	}
	return all
}

func healthOperation() ordered {
	status := ordered{}.with("type", "object").with("properties", ordered{}.with("status", ordered{}.with("const", "ok"))).with("required", []string{"status"})
	return ordered{}.with("operationId", "getHealth").with("summary", "Check whether the router is ready").with("tags", []string{"Health"}).
		with("responses", ordered{}.
			with("200", ordered{}.with("description", "The router is ready.").with("content", ordered{}.with("application/json", ordered{}.with("schema", status)))).
			with("503", (&documentedProblem{names: []string{"It cannot"}}).response()))
}
