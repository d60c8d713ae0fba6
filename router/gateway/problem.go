package gateway

import (
	"net/http"
	"strconv"

	"souk/router/internal/echo"
	"souk/router/internal/jsonscan"
)

// A problem is the response to an HTTP request that is not a valid GraphQL request. It
// is a problem document (RFC 9457). Its member errors repeats the problem as a GraphQL
// error, for clients that read nothing else.
type problem struct {
	status int
	code   string
	detail string
	// allow is the Allow header, for 405.
	allow string
	// header is added to the response, such as Accept-Encoding. It may be nil.
	header http.Header
}

// Error returns the detail.
func (p *problem) Error() string { return p.detail }

// body returns the problem as JSON.
func (p *problem) body() []byte {
	detail := echo.Shorten(p.detail)
	type graphQLError struct {
		Message    string            `json:"message"`
		Extensions map[string]string `json:"extensions"`
	}
	body, err := jsonscan.Marshal(struct {
		Type   string         `json:"type"`
		Title  string         `json:"title"`
		Status int            `json:"status"`
		Detail string         `json:"detail"`
		Code   string         `json:"code"`
		Errors []graphQLError `json:"errors"`
	}{"about:blank", http.StatusText(p.status), p.status, detail, p.code,
		[]graphQLError{{detail, map[string]string{"code": p.code}}}})
	if err != nil { // unreachable: every value can be encoded
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
	_, _ = w.Write(body) // an error means that the client has disconnected
}
