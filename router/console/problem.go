package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"souk/router/gateway"
	"souk/router/internal/echo"
	"souk/router/operation"
)

// A problem is an error response: a problem document (RFC 9457).
type problem struct {
	status int
	detail string
	// errors are the GraphQL errors of an operation that is not valid.
	errors []*operation.Error
}

// Error returns the detail.
func (p *problem) Error() string { return p.detail }

// An errorEntry is a GraphQL error in a problem.
type errorEntry struct {
	Message   string               `json:"message"`
	Locations []operation.Location `json:"locations,omitempty"`
	Code      string               `json:"code,omitempty"`
}

func (p *problem) write(w http.ResponseWriter) {
	body := struct {
		Type   string       `json:"type"`
		Title  string       `json:"title"`
		Status int          `json:"status"`
		Detail string       `json:"detail"`
		Errors []errorEntry `json:"errors,omitempty"`
	}{Type: "about:blank", Title: http.StatusText(p.status), Status: p.status, Detail: p.detail}
	for _, e := range p.errors {
		body.Errors = append(body.Errors, errorEntry{Message: shorten(e.Message), Locations: e.Locations, Code: e.Code})
	}
	writeJSON(w, p.status, "application/problem+json", body)
}

// problemOf returns the problem for an error of an endpoint.
func problemOf(err error) *problem {
	var (
		given   *problem
		list    operation.Errors
		one     *operation.Error
		refusal *gateway.Refusal
		large   *http.MaxBytesError
	)
	const invalid = "The operation is not valid; see errors."
	switch {
	case errors.As(err, &given):
		return given
	case errors.As(err, &list):
		return &problem{status: http.StatusUnprocessableEntity, detail: invalid, errors: list}
	case errors.As(err, &refusal):
		return &problem{status: refusal.Status, detail: refusal.Err.Message}
	case errors.As(err, &one):
		return &problem{status: http.StatusUnprocessableEntity, detail: invalid, errors: []*operation.Error{one}}
	case errors.As(err, &large):
		return &problem{status: http.StatusRequestEntityTooLarge, detail: "The request body is larger than " + strconv.FormatInt(large.Limit, 10) + " bytes."}
	}
	return &problem{status: http.StatusInternalServerError, detail: "Internal error."}
}

// shorten bounds how much of a request a response repeats.
func shorten(text string) string { return echo.Shorten(text) }

func writeJSON(w http.ResponseWriter, status int, contentType string, value any) {
	body, err := json.Marshal(value)
	if err != nil { // unreachable: every response can be encoded
		status, body = http.StatusInternalServerError, []byte(`{}`)
	}
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // an error means that the client has disconnected
}

// A tagged value is a response that clients may cache as long as its ETag stays the same.
type tagged struct {
	tag   string
	value func() any
}

func (t tagged) write(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "private, no-cache") // to be revalidated
	header.Set("ETag", `"`+t.tag+`"`)
	if r.Header.Get("If-None-Match") == `"`+t.tag+`"` {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	writeJSON(w, http.StatusOK, "application/json", t.value())
}
