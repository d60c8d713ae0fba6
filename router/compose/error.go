package compose

import (
	"fmt"
	"strings"
)

// Codes that Compose gives by itself. They and all others are those of the
// composition specification, such as INVALID_FIELD_SHARING or KEY_INVALID_FIELDS, see
// https://www.apollographql.com/docs/federation/errors.
const (
	CodeInvalidGraphQL      = "INVALID_GRAPHQL"       // an SDL does not parse or is not valid
	CodeInvalidSubgraphName = "INVALID_SUBGRAPH_NAME" // a missing, repeated or reserved name
	CodeInvalidFieldSharing = "INVALID_FIELD_SHARING" // several subgraphs resolve a field that not all share

	CodeMismatchedRuntimeTypes  = "SHAREABLE_HAS_MISMATCHED_RUNTIME_TYPES"
	CodeKeySelectsInvalidType   = "KEY_FIELDS_SELECT_INVALID_TYPE"
	CodeExternalOnInterface     = "EXTERNAL_ON_INTERFACE"
	CodeInterfaceObjectUsage    = "INTERFACE_OBJECT_USAGE_ERROR"
	CodeInterfaceKeyMissingType = "INTERFACE_KEY_MISSING_IMPLEMENTATION_TYPE"
)

// Error is one reason why subgraphs do not compose.
type Error struct {
	Code     string // UPPER_SNAKE_CASE, the specification's; empty where it has none
	Message  string // for people
	Subgraph string // the one at fault, where there is just one
	Line     int    // in the subgraph's SDL, from 1; 0 where unknown
	Column   int    // in the line, from 1; 0 where unknown
}

// Error gives `subgraph:line:column: CODE: message`, as far as each is known.
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

// Errors is every reason why subgraphs do not compose, never empty. errors.As
// finds the first *Error in it.
type Errors []*Error

// Error gives one reason a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, each := range e {
		lines[i] = each.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives each reason to errors.Is and errors.As.
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, each := range e {
		all[i] = each
	}
	return all
}
