package hook

import (
	"encoding/json"
	"net/http"
	"strings"
)

// A Rejection is the error that a hook returns to reject a request. When a subgraph hook
// returns it, only the fetch fails: Status is ignored, and the errors have the paths of
// the fields of that fetch.
type Rejection struct {
	// Status is the HTTP status of the response. 0 means 403.
	Status int
	// Header is added to the response.
	Header http.Header
	// Errors are the GraphQL errors of the response. At least one is required.
	Errors []Error
}

// An Error is a GraphQL error.
type Error struct {
	Message string
	// Code is the value of extensions.code.
	Code string
	// Extensions has further members of extensions.
	Extensions map[string]json.RawMessage
}

// Reject returns a [*Rejection] with a status and one GraphQL error.
func Reject(status int, code, message string) error {
	return &Rejection{Status: status, Errors: []Error{{Message: message, Code: code}}}
}

// Error returns the messages, one per line.
func (r *Rejection) Error() string {
	messages := make([]string, len(r.Errors))
	for i := range r.Errors {
		messages[i] = r.Errors[i].Message
	}
	return strings.Join(messages, "\n")
}
