package yamlfile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/token"
)

// A Source records the positions of the keys in a configuration file. A nil
// Source has no positions.
type Source struct {
	// file is its path. It is empty if the text has no name.
	file   string
	places map[string]place
	// overrides maps the path of a key to the flag or the environment variable that
	// sets it instead of the file.
	overrides map[string]string
	unread    []string // the paths of values that could not be read
	// references maps the path of a value to its text in the file, if that has references.
	references map[string]string
	warnings   Errors
}

// Warn adds a warning about the value at a path, unless it is there already.
func (s *Source) Warn(path, format string, args ...any) {
	if s == nil {
		return
	}
	e := s.Problem(path, format, args...)
	if !slices.ContainsFunc(s.warnings, func(other *Error) bool { return *other == *e }) {
		s.warnings = append(s.warnings, e)
	}
}

func (s *Source) warn(e *Error) { s.warnings = append(s.warnings, e) }

// Warnings returns what to change in a file although it can be used, such as the old names of
// keys.
func (s *Source) Warnings() Errors {
	if s == nil {
		return nil
	}
	return s.warnings
}

// Unread reports whether one of the values at the paths could not be read, or a part of it, or
// the block that it is in. What follows from its absence then is no problem of its own.
func (s *Source) Unread(paths ...string) bool {
	if s == nil {
		return false
	}
	for _, path := range paths {
		for _, at := range s.unread {
			if within(at, path) || within(path, at) {
				return true
			}
		}
	}
	return false
}

// within reports whether a path is that of a block, or below it. The path of the document is
// empty.
func within(path, block string) bool {
	rest, ok := strings.CutPrefix(path, block)
	return ok && (block == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}

// Override records that the value at a path is not from the file but from a flag or an
// environment variable, such as "--listen". Problems with it name that instead.
func (s *Source) Override(path, by string) {
	if s == nil {
		return
	}
	if s.overrides == nil {
		s.overrides = map[string]string{}
	}
	s.overrides[path] = by
}

// Overridden reports whether the value at a path is not from the file.
func (s *Source) Overridden(path string) bool { return s != nil && s.overrides[path] != "" }

// Name returns what the user has set for the value at a path: a flag, an environment
// variable, or the key itself.
func (s *Source) Name(path string) string {
	if s.Overridden(path) {
		return s.overrides[path]
	}
	return path
}

func (s *Source) refer(path, text string) {
	if s.references == nil {
		s.references = map[string]string{}
	}
	s.references[path] = text
}

// Shown returns the value at a path for a message. What a variable or a file contributes may be a
// secret: the references are shown instead.
func (s *Source) Shown(path, value string) string {
	if s == nil || s.Overridden(path) || s.references[path] == "" {
		return strconv.Quote(value)
	}
	return strconv.Quote(s.references[path]) + ", whose value is not shown"
}

// References returns the files that a text refers to as ${file.PATH}.
func References(text string) (files []string) {
	for _, part := range reference.FindAllStringSubmatch(text, -1) {
		if part[4] != "" && !slices.Contains(files, part[4]) {
			files = append(files, part[4])
		}
	}
	return files
}

type place struct{ line, column int }

func (s *Source) set(path string, t *token.Token) {
	if t != nil && t.Position != nil {
		s.places[path] = place{t.Position.Line, t.Position.Column}
	}
}

// Given reports whether the file sets the key at a path, such as
// "limits.max_depth".
func (s *Source) Given(path string) bool {
	if s == nil {
		return false
	}
	_, ok := s.places[path]
	return ok
}

// Problem returns an error about the value at a path. If the file does not set the
// key, the position is that of the innermost enclosing block. If a flag or an
// environment variable sets it, there is no position.
func (s *Source) Problem(path, format string, args ...any) *Error {
	e := &Error{Message: fmt.Sprintf(format, args...)}
	if s == nil || s.Overridden(path) {
		return e
	}
	for at := path; ; {
		if p, ok := s.places[at]; ok {
			e.File, e.Line, e.Column = s.file, p.line, p.column
			return e
		}
		cut := strings.LastIndexAny(at, ".[")
		if cut < 0 {
			break
		}
		at = at[:cut]
	}
	e.File = s.file
	if len(s.places) > 0 || s.file != "" {
		e.Line, e.Column = 1, 1
	}
	return e
}

// rename moves the positions of what is below a path to another one.
func (s *Source) rename(from, to string) {
	for path, at := range s.places {
		if within(path, from) {
			delete(s.places, path)
			s.places[to+path[len(from):]] = at
		}
	}
	for path, text := range s.references {
		if within(path, from) {
			delete(s.references, path)
			s.references[to+path[len(from):]] = text
		}
	}
	for i, path := range s.unread {
		if within(path, from) {
			s.unread[i] = to + path[len(from):]
		}
	}
}
