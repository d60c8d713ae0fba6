package compose

import (
	"cmp"
	"fmt"
	"strings"

	"souk/router/compose/internal/report"
)

// Location is a place in the SDL of a subgraph.
type Location struct {
	Subgraph string `json:"subgraph"`
	File     string `json:"file,omitempty"`   // empty if the SDL is not from files
	Line     int    `json:"line,omitempty"`   // in the file or the SDL, from 1; 0 if unknown
	Column   int    `json:"column,omitempty"` // in the line, from 1; 0 if unknown
}

// String returns `file:line:column`, or `subgraph:line:column` without a file, and
// omits unknown parts.
func (l Location) String() string {
	text := l.Subgraph
	if l.File != "" {
		text = l.File
	}
	if l.Line > 0 {
		text += fmt.Sprintf(":%d:%d", l.Line, l.Column)
	}
	return text
}

// Error is a reason why subgraphs do not compose.
type Error struct {
	Code       string     `json:"code"` // of the composition specification
	Message    string     `json:"message"`
	Suggestion string     `json:"suggestion,omitempty"` // what to do
	Locations  []Location `json:"locations,omitempty"`  // all places it concerns
}

// newError returns an error with the suggestion for its code.
func newError(code, message string, at ...Location) *Error {
	return &Error{Code: code, Message: message, Suggestion: suggestions[code], Locations: at}
}

// Error returns `location: CODE: message` and omits unknown parts.
func (e *Error) Error() string { return line(e.Locations, e.Code, e.Message) }

func line(at []Location, code, message string) string {
	text := code + ": " + message
	if len(at) > 0 {
		return at[0].String() + ": " + text
	}
	return text
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

// A locator finds the files of places in subgraphs.
type locator []Subgraph

// at converts locations, without repetitions.
func (l locator) at(locations []report.Location) []Location {
	var all []Location
	seen := map[report.Location]bool{}
	for _, each := range locations {
		if !seen[each] {
			seen[each] = true
			all = append(all, l.locate(each))
		}
	}
	return all
}

func (l locator) locate(at report.Location) Location {
	for _, s := range l {
		if s.Name == at.Subgraph && at.Line > 0 {
			return s.At(at.Line, at.Column)
		}
	}
	return Location{Subgraph: at.Subgraph, Line: at.Line, Column: at.Column}
}

// At returns the place of a line and column of the SDL, which count from 1.
func (s Subgraph) At(line, column int) Location {
	at := Location{Subgraph: s.Name, Line: line, Column: column}
	for i, f := range s.Files {
		at.File = f.Path
		if at.Line <= f.Lines || i == len(s.Files)-1 {
			break
		}
		at.Line -= f.Lines
	}
	return at
}

func (l locator) errors(problems []*report.Error) Errors {
	all := make(Errors, len(problems))
	for i, p := range problems {
		all[i] = newError(p.Code, p.Message, l.at(p.Locations)...)
		all[i].Suggestion = cmp.Or(p.Suggestion, all[i].Suggestion)
	}
	return all
}
