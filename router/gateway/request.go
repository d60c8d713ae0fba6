package gateway

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"souk/internal/memory"
	"souk/router/execute"
	"souk/router/execute/jsonscan"
	"souk/router/internal/body"
)

// A request is one GraphQL request, however it came. Its parts point into the
// body that it was read from.
type request struct {
	// document is the text; nil if only a hash was given.
	document      []byte
	operationName []byte
	variables     json.RawMessage
	extensions    json.RawMessage
	// register is the hash to keep the document by, once it has proved valid.
	register string
	// id is documentId, the proposal's way to name a persisted document.
	id string
	// own says that the document is the gateway's, not a client's: it need not
	// be a trusted one.
	own bool
	// safe says that the HTTP method is: no mutations.
	safe bool
}

// The values of extensions.code for requests that are not well-formed.
const (
	codeBadRequest = "BAD_REQUEST"
	codeMediaType  = "UNSUPPORTED_MEDIA_TYPE"
	codeTooLarge   = "REQUEST_TOO_LARGE"
	codeMethod     = "METHOD_NOT_ALLOWED"
	codeTimeout    = "REQUEST_TIMEOUT"
)

var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// keepBody is the largest buffer that is worth keeping.
const keepBody = 1 << 20

func releaseBody(b *bytes.Buffer) {
	if b != nil && b.Cap() <= keepBody {
		b.Reset()
		bodies.Put(b)
	}
}

// readBody checks the headers of a POST and reads its body.
func (gw *Gateway) readBody(w http.ResponseWriter, r *http.Request, lease *memory.Lease) (*bytes.Buffer, *problem) {
	if p := checkContentType(r.Header); p != nil {
		return nil, p
	}
	b := bodies.Get().(*bytes.Buffer)
	err := gw.bodies.Read(w, r, b, lease)
	if err == nil {
		return b, nil
	}
	releaseBody(b)
	p := &problem{status: http.StatusBadRequest, code: codeBadRequest, detail: err.Error()}
	var failed *body.Error
	if errors.As(err, &failed) {
		p.status, p.header = failed.Status, failed.Header
	}
	switch p.status {
	case http.StatusRequestTimeout:
		p.code = codeTimeout
	case http.StatusRequestEntityTooLarge:
		p.code = codeTooLarge
	case http.StatusUnsupportedMediaType:
		p.code = codeMediaType
	case http.StatusServiceUnavailable:
		p.code = execute.CodeOverloaded
	}
	return nil, p
}

func checkContentType(h http.Header) *problem {
	unsupported := func(detail string) *problem {
		return &problem{status: http.StatusUnsupportedMediaType, code: codeMediaType, detail: detail}
	}
	value := h.Get("Content-Type")
	if value == "application/json" {
		return nil
	}
	media, parameters, err := mime.ParseMediaType(value)
	switch {
	case value == "":
		return unsupported("Content-Type is missing; it must be application/json.")
	case err != nil || media != "application/json":
		return unsupported(fmt.Sprintf("Content-Type %q is not supported; it must be application/json.", value))
	case parameters["charset"] != "" && !strings.EqualFold(parameters["charset"], "utf-8"):
		return unsupported(fmt.Sprintf("Charset %q is not supported; it must be utf-8.", parameters["charset"]))
	}
	return nil
}

// A malformed says why a body is not a GraphQL request.
type malformed struct {
	status int
	detail string
}

func (m *malformed) Error() string { return m.detail }

func notJSON(at int) error {
	return &malformed{http.StatusBadRequest, fmt.Sprintf("The request's body is not JSON at byte %d.", at)}
}

func shape(format string, args ...any) error {
	return &malformed{http.StatusUnprocessableEntity, fmt.Sprintf(format, args...)}
}

// parseBody reads a body that is one request.
func parseBody(body []byte) (request, error) {
	var r request
	start := jsonscan.Space(body, 0)
	end := jsonscan.Value(body, start)
	if end < 0 {
		if jsonscan.Unpaired(body, ^end) {
			return r, &malformed{http.StatusBadRequest, fmt.Sprintf("The request's body escapes an unpaired surrogate at byte %d.", ^end)}
		}
		return r, notJSON(^end)
	}
	if rest := jsonscan.Space(body, end); rest != len(body) {
		return r, notJSON(rest)
	}
	return r, r.parse(body[start:end])
}

// parse reads valid JSON. A member that counts may not be given twice: what
// stands before the router may have looked at the other one.
func (r *request) parse(value []byte) error {
	if value[0] != '{' {
		return shape("A GraphQL request must be a JSON object with a query, not %s.", kindOf(value))
	}
	var seen [5]bool
	return members(value, func(key, member []byte) error {
		null := member[0] == 'n'
		once := func(i int) error {
			if seen[i] {
				return &malformed{http.StatusBadRequest, fmt.Sprintf("The request has the member %s twice.", key)}
			}
			seen[i] = true
			return nil
		}
		text := func(into *[]byte) error {
			if null {
				return nil
			}
			if member[0] != '"' {
				return shape("%s must be a string, not %s.", key, kindOf(member))
			}
			var err error
			*into, err = unquote(member)
			return err
		}
		object := func(into *json.RawMessage) error {
			if null {
				return nil
			}
			if member[0] != '{' {
				return shape("%s must be an object, not %s.", key, kindOf(member))
			}
			*into = member
			return nil
		}
		switch string(key) {
		case "query":
			return cmp.Or(once(0), text(&r.document))
		case "operationName":
			return cmp.Or(once(1), text(&r.operationName))
		case "documentId":
			var id []byte
			err := cmp.Or(once(2), text(&id))
			r.id = string(id)
			return err
		case "variables":
			return cmp.Or(once(3), object(&r.variables))
		case "extensions":
			return cmp.Or(once(4), object(&r.extensions))
		}
		return nil
	})
}

// members visits the members of an object that is valid JSON. Keys are given
// without escapes.
func members(object []byte, visit func(key, value []byte) error) error {
	i := jsonscan.Space(object, 1)
	if object[i] == '}' {
		return nil
	}
	for more := true; more; {
		end := jsonscan.String(object, i)
		key := object[i+1 : end-1]
		if bytes.IndexByte(key, '\\') >= 0 {
			var err error
			if key, err = unquote(bytes.Clone(object[i:end])); err != nil {
				return err
			}
		}
		i = jsonscan.Colon(object, end)
		end = jsonscan.Value(object, i)
		if err := visit(key, object[i:end]); err != nil {
			return err
		}
		i, more = jsonscan.Next(object, end, '}')
	}
	return nil
}

// unquote gives what a valid JSON string says. Without escapes that is a part
// of it; with escapes they are replaced in place, which never takes more room.
func unquote(quoted []byte) ([]byte, error) {
	inside := quoted[1 : len(quoted)-1]
	at := bytes.IndexByte(inside, '\\')
	if at < 0 {
		return inside, nil
	}
	out := inside[:at]
	for at < len(inside) {
		c := inside[at]
		if c != '\\' {
			next := bytes.IndexByte(inside[at:], '\\')
			if next < 0 {
				next = len(inside) - at
			}
			out = append(out, inside[at:at+next]...)
			at += next
			continue
		}
		switch c = inside[at+1]; c {
		case 'n':
			c = '\n'
		case 't':
			c = '\t'
		case 'r':
			c = '\r'
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'u':
			return unquoteSlowly(out, inside[at:])
		}
		out = append(out, c)
		at += 2
	}
	return out, nil
}

// unquoteSlowly takes care of \u escapes.
func unquoteSlowly(done, rest []byte) ([]byte, error) {
	var s string
	if err := json.Unmarshal([]byte(`"`+string(rest)+`"`), &s); err != nil {
		return nil, shape("A string in the request is malformed: %v.", err)
	}
	return append(bytes.Clone(done), s...), nil
}

func kindOf(value []byte) string {
	switch value[0] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

// parseQuery reads the parameters of a GET.
func parseQuery(q url.Values) (request, error) {
	for _, name := range [...]string{"query", "operationName", "variables", "extensions", "documentId"} {
		if len(q[name]) > 1 { // as with members of a body: what checks the one may run the other
			return request{safe: true}, &malformed{http.StatusBadRequest, fmt.Sprintf("The URL has the parameter %s twice.", name)}
		}
	}
	r := request{safe: true, operationName: []byte(q.Get("operationName")), id: q.Get("documentId")}
	if q.Has("query") {
		r.document = []byte(q.Get("query"))
	}
	for name, into := range map[string]*json.RawMessage{"variables": &r.variables, "extensions": &r.extensions} {
		text := strings.TrimSpace(q.Get(name))
		switch {
		case text == "" || text == "null":
		case !jsonscan.Valid([]byte(text)):
			return r, &malformed{http.StatusBadRequest, fmt.Sprintf("The parameter %s is not JSON.", name)}
		case text[0] != '{':
			return r, shape("The parameter %s must be an object, not %s.", name, kindOf([]byte(text)))
		default:
			*into = json.RawMessage(text)
		}
	}
	return r, nil
}
