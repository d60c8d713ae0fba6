package rest

import (
	"context"
	"encoding/json"
	"net/http"
)

// Graph executes operations: the gateway, or whatever else speaks GraphQL.
type Graph interface {
	// Execute runs the operation of a document. r is the REST request, for its
	// credentials and other headers; its body is spent. An error is for when there
	// is no answer at all; errors of fields belong in the answer.
	Execute(ctx context.Context, r *http.Request, document, operationName string, variables json.RawMessage) (*Answer, error)
}

// Answer is a GraphQL response.
type Answer struct {
	Data   json.RawMessage `json:"data"` // null or empty when the operation failed as a whole
	Errors []Error         `json:"errors"`
	Status int             `json:"-"` // of an operation that was refused with a status; 0 to go by the errors' codes
	Header http.Header     `json:"-"` // facts about the answer for the response, such as Age and Cache-Control
}

// Error is an error of a GraphQL response.
type Error struct {
	Message    string         `json:"message"`
	Path       []any          `json:"path,omitempty"` // response keys and list indexes
	Extensions map[string]any `json:"extensions,omitempty"`
}

// code gives extensions.code, empty when there is none.
func (e *Error) code() string {
	code, _ := e.Extensions["code"].(string)
	return code
}
