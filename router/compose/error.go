package compose

import (
	"fmt"
	"strings"
)

// The codes of errors that Compose itself returns. These and all other codes are
// defined by the composition specification; see
// https://www.apollographql.com/docs/federation/errors.
const (
	CodeInvalidGraphQL      = "INVALID_GRAPHQL"       // an SDL does not parse or is not valid
	CodeInvalidSubgraphName = "INVALID_SUBGRAPH_NAME" // a missing, repeated or reserved name
	CodeInvalidFieldSharing = "INVALID_FIELD_SHARING" // several subgraphs resolve a field that is not @shareable in all of them

	CodeKeySelectsInvalidType   = "KEY_FIELDS_SELECT_INVALID_TYPE"
	CodeExternalOnInterface     = "EXTERNAL_ON_INTERFACE"
	CodeInterfaceObjectUsage    = "INTERFACE_OBJECT_USAGE_ERROR"
	CodeInterfaceKeyMissingType = "INTERFACE_KEY_MISSING_IMPLEMENTATION_TYPE"
)

// Error is a reason why subgraphs do not compose.
type Error struct {
	Code     string // in UPPER_SNAKE_CASE, from the specification; may be empty
	Message  string // human-readable
	Subgraph string // the subgraph that caused the error, if there is exactly one
	Line     int    // in the subgraph's SDL, from 1; 0 if unknown
	Column   int    // in the line, from 1; 0 if unknown
}

// Error returns `subgraph:line:column: CODE: message` and omits unknown parts.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Subgraph != "" {
		b.WriteString(e.Subgraph)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
		}
		b.WriteString(": ")
	}
	if e.Code != "" {
		b.WriteString(e.Code + ": ")
	}
	return b.String() + e.Message
}

// Errors are all reasons why subgraphs do not compose, at least one. errors.As
// finds the first *Error.
type Errors []*Error

// Error returns the reasons, one per line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, each := range e {
		lines[i] = each.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the individual errors.
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, each := range e {
		all[i] = each
	}
	return all
}
