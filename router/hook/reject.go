package hook

import (
	"encoding/json"
	"net/http"
	"strings"
)

// A Rejection is the error of a hook that refuses a request. At the subgraph
// points it fails the fetch: Status is not used, and the errors stand at the
// paths of the fields that the fetch was for.
type Rejection struct {
	// Status is the HTTP status of the response; 403 if it is 0.
	Status int
	// Header is added to the response.
	Header http.Header
	// Errors are GraphQL errors; one at least.
	Errors []Error
}

// An Error is a GraphQL error.
type Error struct {
	Message string
	// Code is the value of extensions.code.
	Code string
	// Extensions are further members of extensions.
	Extensions map[string]json.RawMessage
}

// Reject gives the error that refuses a request with a status and one GraphQL
// error.
func Reject(status int, code, message string) error {
	return &Rejection{Status: status, Errors: []Error{{Message: message, Code: code}}}
}

// Error gives the messages, one a line.
func (r *Rejection) Error() string {
	messages := make([]string, len(r.Errors))
	for i := range r.Errors {
		messages[i] = r.Errors[i].Message
	}
	return strings.Join(messages, "\n")
}
