package extract

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/internal/syntax"
)

// A template is a text with GraphQL in a script: a tagged template, or a string that is passed to a
// function of the same name.
type template struct {
	text string
	line int // of the beginning of text in the file
	// partial is set if there is an interpolation within a definition.
	partial bool
}

// A doubt is something in a script that may be a document, but is not read as one.
type doubt struct {
	line   int
	reason string
}

// A scanner finds the templates with GraphQL in a script. It skips comments, strings and other
// templates, and reads the code in interpolations and in JSX.
type scanner struct {
	text   string
	i      int
	jsx    bool // of the language of the script
	found  []template
	doubts []doubt
	depth  int // of code in code
	// noElement has the positions at which no element of JSX begins, so that each is tried once.
	noElement map[int]bool
}

// maxDepth bounds interpolations in interpolations.
const maxDepth = 200

var errNotClosed = errors.New("a template is not closed")

// templates returns the templates with GraphQL in a script. Interpolations, which are fragments,
// are replaced by spaces.
func templates(script string, jsx bool) (*scanner, error) {
	s := &scanner{text: script, jsx: jsx, noElement: map[int]bool{}}
	for s.i < len(s.text) {
		if err := s.code(); err != nil {
			return s, err
		}
		s.i++ // a brace that closes nothing
	}
	return s, nil
}

// code scans code until the brace that closes it, or the end.
func (s *scanner) code() error {
	if s.depth++; s.depth > maxDepth {
		return fmt.Errorf("line %d: interpolations are nested more than %d times", s.line(s.i), maxDepth)
	}
	defer func() { s.depth-- }()
	var open []byte // brackets: ( { and c, a parenthesis after if, while, for or with
	condition := false
	for s.i < len(s.text) {
		at, c := s.i, s.text[s.i]
		after := condition
		condition = condition && (c == ' ' || c == '\t')
		switch {
		case strings.HasPrefix(s.text[at:], "//"):
			s.i = afterEnd(s.text, at, "\n")
		case strings.HasPrefix(s.text[at:], "/*"):
			if err := s.comment(); err != nil {
				return err
			}
		case c == '"' || c == '\'':
			s.i = afterString(s.text, at)
			s.doubtText(at, unescape(s.text[at:s.i]))
		case c == '`':
			text, interpolations, err := s.template()
			if err != nil {
				return err
			}
			if besides(text, interpolations) {
				s.doubtText(at, text)
			}
		case c == '/' && (after || beginsPattern(s.text[:at])):
			s.i = afterPattern(s.text, at)
		case c == '<' && s.jsx && beginsElement(s.text[:at]):
			s.element()
		case c == '(' && control.MatchString(s.text[max(0, at-10):at]):
			open, s.i = append(open, 'c'), at+1
		case c == '(' || c == '{':
			open, s.i = append(open, c), at+1
		case c == ')' && len(open) > 0 && open[len(open)-1] != '{':
			condition = open[len(open)-1] == 'c'
			open, s.i = open[:len(open)-1], at+1
		case c == '}':
			for len(open) > 0 && open[len(open)-1] != '{' {
				open = open[:len(open)-1]
			}
			if len(open) == 0 {
				return nil
			}
			open, s.i = open[:len(open)-1], at+1
		case isWord(c):
			if err := s.word(); err != nil {
				return err
			}
		default:
			s.i++
		}
	}
	return nil
}

// control matches what precedes a condition, after which a slash begins a regular expression.
var control = regexp.MustCompile(`\b(?:if|while|for|with)\s*$`)

// comment scans a comment. /* GraphQL */ says what a template or a string after it is.
func (s *scanner) comment() error {
	begin := s.i
	s.i = afterEnd(s.text, begin+2, "*/")
	if strings.EqualFold(strings.TrimSpace(strings.Trim(s.text[begin:s.i], "/*")), "graphql") {
		s.space()
		is, err := s.literal()
		if is {
			s.whole()
		}
		return err
	}
	return nil
}

var (
	// typed matches the type arguments of a tag.
	typed = regexp.MustCompile("^<[^`()'\"]*>")
	// required matches a module whose value is the tag gql.
	required = regexp.MustCompile(`^require\(\s*(?:'graphql-tag'|"graphql-tag")\s*\)(?:\.default)?`)
	// declares matches what precedes the name of a function that is declared.
	declares = regexp.MustCompile(`\b(?:function|import|from)\s*\*?\s*$`)
)

// word scans a word, and the GraphQL after it if it is a tag.
func (s *scanner) word() error {
	begin := s.i
	for s.i < len(s.text) && isWord(s.text[s.i]) {
		s.i++
	}
	switch word := s.text[begin:s.i]; {
	case word == "require":
		m := required.FindString(s.text[begin:])
		if m == "" {
			return nil
		}
		s.i = begin + len(m)
	case word != "gql" && word != "graphql":
		return nil
	}
	after := s.i
	s.space()
	s.i += len(typed.FindString(s.text[s.i:min(len(s.text), s.i+1000)]))
	s.space()
	call := strings.HasPrefix(s.text[s.i:], "(")
	if call {
		s.i++
		s.space()
	}
	is, err := s.literal()
	if err != nil {
		return err
	}
	if !is {
		if call && !declares.MatchString(s.text[max(0, begin-20):begin]) && s.i < len(s.text) && isWord(s.text[s.i]) && !s.parameter() {
			s.doubt(begin, "the argument of "+s.text[begin:after]+"(…) is no template and no string")
		}
		s.i = after
		return nil
	}
	if call {
		s.whole()
	}
	return nil
}

// whole takes the last text back if another one is added to it.
func (s *scanner) whole() {
	end := s.i
	s.space()
	if strings.HasPrefix(s.text[s.i:], "+") {
		s.found = s.found[:len(s.found)-1]
		s.doubt(end-1, "a document is put together of several texts; write one template")
	}
	s.i = end
}

// parameter reports whether a parameter of a function or a method begins here, rather than an
// argument: it has a type, or it is the schema of the function graphql of graphql-js.
func (s *scanner) parameter() bool {
	end := s.i
	for end < len(s.text) && isWord(s.text[end]) {
		end++
	}
	rest := strings.TrimLeft(s.text[end:], " \t\r\n")
	return strings.HasPrefix(rest, ":") || strings.HasPrefix(rest, "?:") || s.text[s.i:end] == "schema"
}

// literal reads a template or a string with GraphQL. It reports false if there is none here.
func (s *scanner) literal() (bool, error) {
	if s.i == len(s.text) {
		return false, nil
	}
	begin := s.i
	switch s.text[begin] {
	case '`':
		text, interpolations, err := s.template()
		if err != nil {
			return false, err
		}
		s.found = append(s.found, template{text, s.line(begin), !besides(text, interpolations)}) // after those in its interpolations
	case '"', '\'':
		s.i = afterString(s.text, begin)
		s.found = append(s.found, template{unescape(s.text[begin:s.i]), s.line(begin), false})
	default:
		return false, nil
	}
	return true, nil
}

// space skips white space and comments.
func (s *scanner) space() {
	for s.i < len(s.text) {
		switch rest := s.text[s.i:]; {
		case strings.IndexByte(" \t\r\n", rest[0]) >= 0:
			s.i++
		case strings.HasPrefix(rest, "//"):
			s.i = afterEnd(s.text, s.i, "\n")
		case strings.HasPrefix(rest, "/*"):
			s.i = afterEnd(s.text, s.i+2, "*/")
		default:
			return
		}
	}
}

// template reads the template that begins at a back tick, and the code in its interpolations.
func (s *scanner) template() (string, []span, error) {
	begin := s.i
	var out strings.Builder
	var interpolations []span
	for s.i++; s.i < len(s.text); s.i++ {
		switch c := s.text[s.i]; {
		case c == '`':
			s.i++
			return out.String(), interpolations, nil
		case c == '\\' && s.i+1 < len(s.text):
			s.i++
			if strings.IndexByte("`$\\", s.text[s.i]) < 0 {
				out.WriteByte('\\') // an escape sequence of GraphQL
			}
			out.WriteByte(s.text[s.i])
		case strings.HasPrefix(s.text[s.i:], "${"):
			from := s.i
			s.i += 2
			if err := s.code(); err != nil {
				return "", nil, err
			}
			begin := out.Len()
			for _, c := range s.text[from:min(s.i+1, len(s.text))] {
				if c != '\n' {
					c = ' '
				}
				out.WriteRune(c)
			}
			interpolations = append(interpolations, span{begin, out.Len()})
		default:
			out.WriteByte(c)
		}
	}
	return "", nil, fmt.Errorf("line %d: %w", s.line(begin), errNotClosed)
}

func (s *scanner) line(at int) int { return 1 + strings.Count(s.text[:min(at, len(s.text))], "\n") }

func (s *scanner) doubt(at int, reason string) {
	s.doubts = append(s.doubts, doubt{s.line(at), reason})
}

// begins matches the beginning of a document with a named operation or fragment.
var begins = regexp.MustCompile(`^[\s,]*(?:#[^\n]*\n[\s,]*)*(?:query|mutation|subscription|fragment)\s+[_A-Za-z]`)

// doubtText adds a doubt if a text without a tag is a document.
func (s *scanner) doubtText(at int, text string) {
	if !begins.MatchString(text) {
		return
	}
	if doc, err := syntax.Query(&ast.Source{Input: text}, 0); err == nil && len(doc.Operations)+len(doc.Fragments) > 0 {
		s.doubt(at, "a text is a document, but has no tag; write gql or /* GraphQL */ before it")
	}
}
