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
	"souk/router/internal/body"
	"souk/router/internal/jsonscan"
)

// A request is one parsed GraphQL request. Its fields point into the body that it was
// read from.
type request struct {
	// document is the text. It is nil if the request has only a hash.
	document      []byte
	operationName []byte
	variables     json.RawMessage
	extensions    json.RawMessage
	// register is the hash under which to register the document once it is validated.
	// It is empty if the document is not to be registered.
	register string
	// id is documentId (GraphQL over HTTP, persisted documents).
	id string
	// own is set if the document comes from the router, for a REST route. It need not
	// be a trusted document.
	own bool
	// safe is set if the HTTP method is safe (RFC 9110, section 9.2.1), which excludes
	// mutations.
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

// A bufferPool reuses buffers with a capacity of at most most bytes.
type bufferPool struct {
	pool sync.Pool
	most int
}

func (p *bufferPool) get() *bytes.Buffer {
	if b, ok := p.pool.Get().(*bytes.Buffer); ok {
		return b
	}
	return new(bytes.Buffer)
}

func (p *bufferPool) put(b *bytes.Buffer) {
	if b != nil && b.Cap() <= p.most {
		b.Reset()
		p.pool.Put(b)
	}
}

var (
	// bodies has buffers for request bodies. A client is not charged for the capacity
	// that a pooled buffer already has, so that capacity is small.
	bodies = bufferPool{most: body.FreeBytes}
	// scratch has buffers that are used while a request is processed.
	scratch = bufferPool{most: 1 << 20}
)

// readBody checks the Content-Type of a POST and reads its body. The caller must return
// the buffer to bodies. The lease is charged for the body.
func (gw *Gateway) readBody(w http.ResponseWriter, r *http.Request, lease *memory.Lease) (*bytes.Buffer, *problem) {
	if p := checkContentType(r.Header); p != nil {
		return nil, p
	}
	b := bodies.get()
	err := gw.bodies.Read(w, r, b, lease)
	if err == nil {
		return b, nil
	}
	bodies.put(b)
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

// A malformed error says why a body or URL is not a GraphQL request.
type malformed struct {
	status int
	detail string
}

func (m *malformed) Error() string { return m.detail }

func notJSON(err error) error {
	return &malformed{http.StatusBadRequest, fmt.Sprintf("The request body is not valid JSON: %v.", err)}
}

func invalidRequest(format string, args ...any) error {
	return &malformed{http.StatusUnprocessableEntity, fmt.Sprintf(format, args...)}
}

// parseBody parses a body that contains one request.
func parseBody(body []byte) (request, error) {
	var r request
	value, err := onlyValue(body)
	if err != nil {
		return r, notJSON(err)
	}
	return r, r.parse(value)
}

// onlyValue returns the JSON value in text. It fails if anything but white space
// follows.
func onlyValue(text []byte) (json.RawMessage, error) {
	r := jsonscan.NewReader(text, jsonscan.MaxDepth)
	value, err := r.Value()
	if err != nil {
		return nil, err
	}
	return value, r.End()
}

// parse reads a request from a valid JSON value. It rejects a request that has a known
// member twice: a proxy or firewall in front of the router may have checked the other
// one.
func (r *request) parse(value []byte) error {
	if value[0] != '{' {
		return invalidRequest("A GraphQL request must be a JSON object with a query, not %s.", jsonscan.KindOf(value))
	}
	var seen [5]bool
	members := jsonscan.NewReader(value, jsonscan.MaxDepth)
	return members.Object(func(key []byte) error {
		member, err := members.Value()
		if err != nil {
			return err
		}
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
				return invalidRequest("%s must be a string, not %s.", key, jsonscan.KindOf(member))
			}
			*into = jsonscan.Unquote(member)
			return nil
		}
		object := func(into *json.RawMessage) error {
			if null {
				return nil
			}
			if member[0] != '{' {
				return invalidRequest("%s must be an object, not %s.", key, jsonscan.KindOf(member))
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

// parseQuery reads a request from the URL parameters of a GET.
func parseQuery(q url.Values) (request, error) {
	for _, name := range [...]string{"query", "operationName", "variables", "extensions", "documentId"} {
		if len(q[name]) > 1 { // for the same reason as in request.parse
			return request{safe: true}, &malformed{http.StatusBadRequest, fmt.Sprintf("The URL has the parameter %s twice.", name)}
		}
	}
	r := request{safe: true, operationName: []byte(q.Get("operationName")), id: q.Get("documentId")}
	if q.Has("query") {
		r.document = []byte(q.Get("query"))
	}
	for name, into := range map[string]*json.RawMessage{"variables": &r.variables, "extensions": &r.extensions} {
		text := q.Get(name)
		if strings.TrimSpace(text) == "" {
			continue
		}
		value, err := onlyValue([]byte(text))
		switch {
		case err != nil:
			return r, &malformed{http.StatusBadRequest, fmt.Sprintf("The parameter %s is not valid JSON: %v.", name, err)}
		case value[0] == 'n':
		case value[0] != '{':
			return r, invalidRequest("The parameter %s must be an object, not %s.", name, jsonscan.KindOf(value))
		default:
			*into = value
		}
	}
	return r, nil
}
