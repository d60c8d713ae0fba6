package gateway

import (
	"encoding/json"
	"net/http"
	"strconv"

	"souk/router/internal/echo"
)

// A problem is why there is no GraphQL response at all: the request never got
// so far as to be one. It is answered as RFC 9457 says; errors repeats it in
// GraphQL's shape for clients that look for nothing else.
type problem struct {
	status int
	code   string
	detail string
	// allow is the Allow header, for 405.
	allow string
	// header is for the response, such as Accept-Encoding; nil for none.
	header http.Header
}

// Error gives the detail.
func (p *problem) Error() string { return p.detail }

// body gives the problem as JSON.
func (p *problem) body() []byte {
	detail := echo.Shorten(p.detail)
	type graphQLError struct {
		Message    string            `json:"message"`
		Extensions map[string]string `json:"extensions"`
	}
	body, err := json.Marshal(struct {
		Type   string         `json:"type"`
		Title  string         `json:"title"`
		Status int            `json:"status"`
		Detail string         `json:"detail"`
		Code   string         `json:"code"`
		Errors []graphQLError `json:"errors"`
	}{"about:blank", http.StatusText(p.status), p.status, detail, p.code,
		[]graphQLError{{detail, map[string]string{"code": p.code}}}})
	if err != nil { // not reached: all parts have a JSON form
		panic(err)
	}
	return body
}

func (p *problem) write(w http.ResponseWriter) {
	body := p.body()
	h := w.Header()
	for name, values := range p.header {
		h[name] = values
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	if p.allow != "" {
		h.Set("Allow", p.allow)
	}
	w.WriteHeader(p.status)
	_, _ = w.Write(body) // the client may be gone; nobody is left to tell
}
