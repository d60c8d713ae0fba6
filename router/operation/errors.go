package operation

import (
	"encoding/json"
	"errors"
	"souk/router/internal/jsonscan"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/lexer"
)

// The values of extensions.code used by this package.
const (
	CodeParseFailed      = "GRAPHQL_PARSE_FAILED"
	CodeValidationFailed = "GRAPHQL_VALIDATION_FAILED"
	// CodeOperationUnknown is used when operationName does not select exactly
	// one operation of the document.
	CodeOperationUnknown = "OPERATION_RESOLUTION_FAILURE"
	// CodeBadVariables is used when the variables are not a JSON object or a
	// value cannot be coerced to its variable's type.
	CodeBadVariables = "BAD_USER_INPUT"

	CodeMaxTokens     = "MAX_TOKENS_LIMIT"
	CodeMaxRecursion  = "MAX_RECURSION_LIMIT"
	CodeMaxDepth      = "MAX_DEPTH_LIMIT"
	CodeMaxHeight     = "MAX_HEIGHT_LIMIT"
	CodeMaxAliases    = "MAX_ALIASES_LIMIT"
	CodeMaxRootFields = "MAX_ROOT_FIELDS_LIMIT"
	CodeMaxDirectives = "MAX_DIRECTIVES_LIMIT"
	CodeMaxFields     = "MAX_FIELDS_LIMIT"
	CodeMaxListItems  = "MAX_LIST_ITEMS_LIMIT"
)

// A Location is a position in a document's text. Line and Column start at 1.
type Location struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

// An Error is a request error (GraphQL, section 7.1.2): the operation is not
// executed.
type Error struct {
	Message   string
	Locations []Location
	// Code is the value of extensions.code.
	Code string
	// Extensions are further members of extensions.
	Extensions map[string]json.RawMessage
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// MarshalJSON encodes the error in the response format of the GraphQL
// specification: message, locations and extensions.code.
func (e *Error) MarshalJSON() ([]byte, error) {
	var extensions any = struct {
		Code string `json:"code"`
	}{e.Code}
	if len(e.Extensions) > 0 {
		members := map[string]any{}
		for name, value := range e.Extensions {
			members[name] = value
		}
		if e.Code != "" {
			members["code"] = e.Code
		}
		extensions = members
	}
	return jsonscan.Marshal(struct {
		Message    string     `json:"message"`
		Locations  []Location `json:"locations,omitempty"`
		Extensions any        `json:"extensions"`
	}{e.Message, e.Locations, extensions})
}

// Errors are the errors found in one request, at least one.
type Errors []*Error

// Error returns all messages, one per line.
func (e Errors) Error() string {
	messages := make([]string, len(e))
	for i := range e {
		messages[i] = e[i].Message
	}
	return strings.Join(messages, "\n")
}

// Unwrap returns the individual errors.
func (e Errors) Unwrap() []error {
	list := make([]error, len(e))
	for i := range e {
		list[i] = e[i]
	}
	return list
}

// syntaxError returns the error for a document that cannot be parsed. For an invalid
// token, the parser only reports that it found no valid one. Reading the tokens again
// with the lexer yields the cause and the position.
func syntaxError(text string, err error) Errors {
	if !strings.Contains(err.Error(), lexer.Invalid.String()) {
		return fromParser(err, CodeParseFailed)
	}
	tokens := lexer.New(&ast.Source{Input: text})
	for {
		token, wrong := tokens.ReadToken()
		switch {
		case wrong != nil:
			errs := fromParser(wrong, CodeParseFailed)
			for _, e := range errs {
				e.Message = "Syntax Error: " + shorten(e.Message)
			}
			return errs
		case token.Kind == lexer.EOF:
			return fromParser(err, CodeParseFailed)
		}
	}
}

// maxSyntaxError bounds the message about an invalid token in bytes.
const maxSyntaxError = 120

func shorten(message string) string {
	if len(message) <= maxSyntaxError {
		return message
	}
	return strings.ToValidUTF8(message[:maxSyntaxError], "") + "…"
}

// fromParser converts an error of the parser library.
func fromParser(err error, code string) Errors {
	var one *gqlerror.Error
	if errors.As(err, &one) {
		return fromValidator(gqlerror.List{one}, code)
	}
	return Errors{{Message: err.Error(), Code: code}}
}

// maxErrors bounds the errors returned for one request, and with them the size
// of the response to a hostile document.
const maxErrors = 20

// fromValidator converts the first maxErrors errors of the validator.
func fromValidator(list gqlerror.List, code string) Errors {
	if len(list) > maxErrors {
		list = list[:maxErrors]
	}
	out := make(Errors, len(list))
	for i, e := range list {
		out[i] = &Error{Message: e.Message, Code: code}
		for _, l := range e.Locations {
			if l.Line > 0 {
				out[i].Locations = append(out[i].Locations, Location(l))
			}
		}
	}
	return out
}
