package yamlfile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"souk/internal/filekind"
)

// An Error describes a problem and its position in the file.
type Error struct {
	// File is the path of the file. It is empty if the text has no name.
	File string
	// Line and Column count from 1. They are 0 if the value is not from a file.
	Line, Column int
	Message      string
	// Unknown is the path of the key if the problem is that it is not known.
	Unknown string
}

// Error formats the problem as file:line:column: message.
func (e *Error) Error() string {
	var out strings.Builder
	if e.File != "" {
		out.WriteString(e.File + ":")
	}
	if e.Line > 0 {
		fmt.Fprintf(&out, "%d:%d:", e.Line, e.Column)
	}
	if out.Len() > 0 {
		out.WriteString(" ")
	}
	return out.String() + e.Message
}

// Errors lists all problems of a file, in file order.
type Errors []*Error

// Error returns the problems, one per line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the problems for errors.As.
func (e Errors) Unwrap() []error {
	list := make([]error, len(e))
	for i, one := range e {
		list[i] = one
	}
	return list
}

// Sorted sorts the problems by their position and returns them.
func (e Errors) Sorted() Errors {
	slices.SortStableFunc(e, func(a, b *Error) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column)) })
	return e
}

func located(file string, err error) *Error {
	if placed := (*Error)(nil); errors.As(err, &placed) {
		return &Error{File: file, Line: placed.Line, Column: placed.Column, Message: placed.Message}
	}
	e := &Error{File: file, Line: 1, Column: 1, Message: err.Error()}
	if y := yaml.Error(nil); errors.As(err, &y) {
		e.Message = y.GetMessage()
		if t := y.GetToken(); t != nil && t.Position != nil {
			e.Line, e.Column = t.Position.Line, t.Position.Column
		}
	}
	return e
}

// unquotedReference returns the message for a syntax error at a position. Inside { } and
// [ ], YAML reads the braces of an unquoted ${env.NAME} as a block. The parser's message
// would not say so. It is empty for another error.
func unquotedReference(data []byte, line, column int) string {
	lines := strings.Split(string(data), "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	runes := []rune(lines[line-1])
	if column < 1 || column > len(runes) {
		return ""
	}
	// The error is at the beginning of the reference, at its brace, or right after it.
	upTo := string(runes[:column])
	begin := strings.LastIndex(upTo, "$")
	text := string(runes)
	if begin < 0 || !strings.HasPrefix(text[begin:], "${env.") {
		return ""
	}
	ref := reference.FindString(text[begin:])
	if ref != "" && begin+len(ref) < len(upTo)-1 {
		return ""
	}
	ref = cmp.Or(ref, "${env.NAME}")
	return fmt.Sprintf("a value with %s needs quotes here, such as \"%s\"", ref, ref)
}

// explain returns the message for a syntax error at a position. For frequent mistakes it
// says what to do, which the parser's message does not.
func explain(data []byte, line, column int, message string) string {
	if strings.Contains(message, "found character '\t'") || strings.Contains(message, "tab character") {
		return "a line begins with a tab; YAML is indented with spaces"
	}
	switch kind := filekind.Of(string(data)); kind {
	case filekind.Supergraph, filekind.Subgraph, filekind.Schema, filekind.Operation:
		return fmt.Sprintf("it looks like %s, where YAML was expected", kind)
	}
	if reference := unquotedReference(data, line, column); reference != "" {
		return reference
	}
	return advise(message)
}
