package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/trace"

	"souk/router/internal/echo"
	"souk/router/internal/jsonscan"
)

// problem is an error response: the members of RFC 9457, code (the error code of GraphQL
// errors), errors (one for each invalid value), trace_id, and the additional members of a typed
// error.
type problem struct {
	problemKind
	detail string
	typed  bool // the detail is a message from the graph
	// needsCaller is set if the request fails because it has no caller, so that a caller without
	// credentials learns how to send them.
	needsCaller bool
	errors      []violation
	extra       []jsonscan.Member // additional members of a typed error, in order
	headers     http.Header       // such as Retry-After, Allow
}

// violation is one invalid value in a request.
type violation struct {
	In      string `json:"in"`                // body, path, query or header
	Pointer string `json:"pointer,omitempty"` // of the body: a JSON pointer as a URI fragment, #/lines/0/quantity
	Name    string `json:"name,omitempty"`    // of a parameter
	Detail  string `json:"detail"`
	Hint    string `json:"hint,omitempty"`
}

// docsPath is the path of the documentation page.
const docsPath = "/api/docs"

func (p *problem) withHeader(name, value string) *problem {
	if p.headers == nil {
		p.headers = http.Header{}
	}
	p.headers.Set(name, value)
	return p
}

// retryAfter is the value of Retry-After, in seconds, if the unavailable service does not
// provide one. Messages of the router and of the services say the same: "Try again in 1 s."
const retryAfter = "1"

// withUsualHeaders adds the headers that the status requires and that are missing:
// WWW-Authenticate (RFC 9110, section 11.6.1) or Retry-After.
func (p *problem) withUsualHeaders() *problem {
	switch p.status {
	case http.StatusUnauthorized:
		if p.headers.Get("WWW-Authenticate") == "" {
			p.withHeader("WWW-Authenticate", "Bearer")
		}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if p.headers.Get("Retry-After") == "" {
			p.withHeader("Retry-After", retryAfter)
		}
	}
	return p
}

// needsToken converts a 401 or 403 to a 401 for a caller without credentials, since the request
// may succeed with credentials (RFC 9110, section 15.5.2). The hint says how to send them.
func (p *problem) needsToken(hint string) *problem {
	detail := hint
	switch {
	case strings.HasSuffix(p.detail, hint): // the router has refused the operation with this hint
		detail = p.detail
	case p.detail != "":
		detail = strings.TrimRight(p.detail, ".") + ". " + hint
	}
	return &problem{problemKind: unauthenticated, detail: detail, headers: p.headers}
}

// response returns the problem as a response to r.
func (p *problem) response(r *http.Request) *response {
	p.withUsualHeaders()
	var b bytes.Buffer
	b.WriteByte('{')
	put := func(name string, v any) {
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.Write(quote(nil, name))
		b.WriteByte(':')
		encoded, err := jsonscan.Marshal(v)
		if err != nil { // unreachable: raw JSON has been parsed before
			encoded = []byte("null")
		}
		b.Write(encoded)
	}
	put("type", docsPath+"#problem-"+p.name)
	put("title", p.title)
	put("status", p.status)
	detail := p.detail
	if !p.typed {
		detail = echo.Shorten(detail)
	}
	if detail != "" {
		put("detail", detail)
	}
	if instance := r.URL.EscapedPath(); len(instance) <= echo.MaxMessage {
		put("instance", instance)
	}
	if p.code != "" {
		put("code", p.code)
	}
	if len(p.errors) > 0 {
		put("errors", bounded(p.errors))
	}
	for _, m := range p.extra {
		put(m.Name, json.RawMessage(m.Value.Raw))
	}
	if id := traceID(r.Context()); id != "" {
		put("trace_id", id)
	}
	b.WriteString("}\n")
	header := http.Header{"Content-Type": {"application/problem+json"}, "Cache-Control": {"no-store"}}
	for name, values := range p.headers {
		header[name] = values
	}
	return &response{status: p.status, header: header, body: b.Bytes()}
}

// bounded returns at most maxViolations violations, with long quotations of the request
// shortened.
func bounded(violations []violation) []violation {
	out := slices.Clone(violations[:min(len(violations), maxViolations)])
	for i := range out {
		v := &out[i]
		v.Pointer, v.Name, v.Detail, v.Hint = echo.Shorten(v.Pointer), echo.Shorten(v.Name), echo.Shorten(v.Detail), echo.Shorten(v.Hint)
	}
	return out
}

// maxViolations bounds the number of violations in a problem.
const maxViolations = 50

func traceID(ctx context.Context) string {
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		return span.TraceID().String()
	}
	return ""
}

// kind returns the kind of problem for a typed error, named after its type.
func (t *problemType) kind() problemKind {
	return problemKind{status: t.status, name: kebab(t.definition.Name), title: titleOf(t.definition.Name), code: codeOf(t.definition.Name), about: t.definition.Description}
}

// kebab converts a type name to the name of a problem: OutOfStock to out-of-stock.
func kebab(name string) string {
	var b strings.Builder
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			if i > 0 {
				b.WriteByte('-')
			}
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}

// titleOf converts a type name to a title: OutOfStock to "Out of stock".
func titleOf(name string) string {
	return sentence(kebab(name))
}

// sentence converts kebab case to a title: out-of-stock to "Out of stock".
func sentence(name string) string {
	words := strings.ReplaceAll(name, "-", " ")
	return strings.ToUpper(words[:1]) + words[1:]
}

// codeOf converts a type name to the usual code of its errors: OutOfStock to OUT_OF_STOCK.
func codeOf(name string) string {
	return strings.ToUpper(strings.ReplaceAll(kebab(name), "-", "_"))
}
