package rest

import (
	"context"
	"encoding/json"
	"net/http"
)

// An Executor executes GraphQL operations. The gateway implements it.
type Executor interface {
	// Execute executes an operation of a document. r is the REST request, for its
	// credentials and other headers; its body has been read. header is that of the response to
	// r; unlike Response.Header, it is not kept for a repeated request. An error means that there is
	// no answer at all. Field errors and request errors belong in the answer.
	Execute(ctx context.Context, header http.Header, r *http.Request, document, operationName string, variables json.RawMessage) (*Response, error)
	// Resolves reports whether a subgraph may resolve a field of a type. An error of a
	// subgraph names it in extensions.service, and may be at an object that lacks fields.
	Resolves(subgraph, typeName, field string) bool
}

// Response is a GraphQL response.
type Response struct {
	Data   json.RawMessage `json:"data"` // null or empty if the whole operation failed
	Errors []Error         `json:"errors"`
	Status int             `json:"-"` // status of a rejected operation; 0 to derive it from the error codes
	Header http.Header     `json:"-"` // headers for the response, such as Cache-Control
}

// Error is an error of a GraphQL response.
type Error struct {
	Message    string         `json:"message"`
	Path       []any          `json:"path,omitempty"` // response keys and list indexes
	Extensions map[string]any `json:"extensions,omitempty"`
}

// code returns extensions.code, or "".
func (e *Error) code() string {
	code, _ := e.Extensions["code"].(string)
	return code
}
