package syntax

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"
)

// A Part is the text of one definition or extension in an SDL, with its description.
type Part struct {
	Text string
	// Name is the name of the type that it defines. It is empty for anything else: schema and
	// directive definitions, and extensions.
	Name string
	// line and column are what precedes the part: lines, and characters in its first line.
	line, column int
}

// Parts splits an SDL into its definitions and extensions, in order. It reports false for a text that
// it cannot split, such as one that does not begin with a definition. Parts of a text with syntax
// errors have the same errors. Parts calls pause after each part.
func Parts(sdl string, pause func()) ([]Part, bool) {
	s := &splitter{text: sdl, description: -1, parts: make([]Part, 0, len(sdl)/partLength+1)}
	for known := 0; s.at < len(sdl) && s.next(); {
		if len(s.parts) > known {
			known = len(s.parts)
			pause()
		}
	}
	if s.at < len(sdl) || len(s.parts) == 0 {
		return nil, false
	}
	s.end(len(sdl))
	return s.parts, true
}

// partLength is about the length of a small part, which bounds how often the list of parts grows.
const partLength = 512

// A splitter finds where the definitions of an SDL begin: at a keyword outside of all brackets, where
// no name is expected, or at the description before it.
type splitter struct {
	text  string
	at    int
	parts []Part
	// begin is where the last part begins, and counted up to where its line and column are known.
	begin, counted, line, column int
	depth                        int
	description                  int  // where the string before the current token begins, or -1
	expected                     bool // a name is expected, which may be a keyword
	named                        bool // the next name is that of the type
}

// byteOrderMark is white space in GraphQL.
const byteOrderMark = "\ufeff"

// inert are the bytes that mean nothing inside of brackets.
var inert = func() (table [256]bool) {
	for i := range table {
		table[i] = !strings.ContainsRune("\"#{}()[]", rune(i))
	}
	return table
}()

// next reads a token. It reports false if it precedes all definitions.
func (s *splitter) next() bool {
	if s.depth > 0 {
		at := s.at
		for at < len(s.text) && inert[s.text[at]] {
			at++
		}
		if s.at = at; at == len(s.text) {
			return true
		}
	}
	c := s.text[s.at]
	switch {
	case c == '#':
		s.at = CommentEnd(s.text, s.at)
		return true
	case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',':
		s.at++
		return true
	case strings.HasPrefix(s.text[s.at:], byteOrderMark):
		s.at += len(byteOrderMark)
		return true
	case c == '"':
		if s.depth == 0 && s.description < 0 {
			s.description = s.at
		}
		if strings.HasPrefix(s.text[s.at:], `"""`) {
			s.at = BlockEnd(s.text, s.at+3)
		} else {
			s.at = StringEnd(s.text, s.at+1)
		}
		return true
	case nameStart(c):
		end := s.at + 1
		for end < len(s.text) && (nameStart(s.text[end]) || '0' <= s.text[end] && s.text[end] <= '9') {
			end++
		}
		if s.depth == 0 {
			s.name(s.text[s.at:end])
		}
		s.at = end
	default:
		switch c {
		case '{', '(', '[':
			s.depth++
		case '}', ')', ']':
			s.depth--
		}
		s.expected = c == '@' || c == '&' || c == '|' || c == '='
		s.at++
	}
	s.description = -1
	return len(s.parts) > 0
}

// name reads a name outside of all brackets.
func (s *splitter) name(name string) {
	if s.expected {
		if s.named {
			s.parts[len(s.parts)-1].Name = name
		}
		s.expected, s.named = false, false
		return
	}
	switch name {
	case "scalar", "type", "interface", "union", "enum", "input":
		s.start()
		s.expected, s.named = true, true
	case "extend":
		s.start()
		s.expected = true
	case "schema", "directive":
		s.start()
	case "implements", "on":
		s.expected = true
	}
}

// start begins a part with the current token or its description.
func (s *splitter) start() {
	at := s.at
	if s.description >= 0 {
		at = s.description
	}
	if len(s.parts) > 0 {
		s.end(at)
	} else {
		at = 0 // what precedes the first definition may have syntax errors
	}
	s.locate(at)
	s.begin = at
	s.parts = append(s.parts, Part{line: s.line, column: s.column})
}

// end ends the last part.
func (s *splitter) end(at int) {
	s.parts[len(s.parts)-1].Text = strings.TrimRight(s.text[s.begin:at], " \t\r\n,")
}

// locate counts lines and characters up to an index.
func (s *splitter) locate(at int) {
	rest := s.text[s.counted:at]
	s.counted = at
	for rest != "" {
		end := strings.IndexAny(rest, "\r\n")
		if end < 0 {
			s.column += utf8.RuneCountInString(rest)
			return
		}
		s.line, s.column = s.line+1, 0
		if strings.HasPrefix(rest[end:], "\r\n") {
			end++
		}
		rest = rest[end+1:]
	}
}

func nameStart(c byte) bool { return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

// Schema parses the part. What it returns keeps no more of the text in memory than the part. At
// returns the positions in the whole text.
func (p Part) Schema() (*ast.SchemaDocument, error) {
	return Schema(&ast.Source{Name: strconv.Itoa(p.line) + ":" + strconv.Itoa(p.column), Input: strings.Clone(p.Text)}, 0)
}

// At returns a position in the whole text, also that of something in a [Part]. It returns 0 if the
// position is unknown.
func At(p *ast.Position) (line, column int) {
	if p == nil || p.Line == 0 {
		return 0, 0
	}
	line, column = p.Line, p.Column
	if p.Src == nil {
		return line, column
	}
	before, characters, ok := strings.Cut(p.Src.Name, ":")
	lines, err := strconv.Atoi(before)
	n, other := strconv.Atoi(characters)
	if !ok || err != nil || other != nil {
		return line, column
	}
	if line == 1 {
		column += n
	}
	return line + lines, column
}
