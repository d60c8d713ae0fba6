package extract

import "strings"

// element scans an element of JSX, in whose text back ticks, quotes and comments have no meaning.
// If there is none here, it skips one character.
func (s *scanner) element() {
	at, found, doubts, depth := s.i, len(s.found), len(s.doubts), s.depth
	if !s.noElement[at] && s.depth < maxDepth {
		s.depth++
		ok := s.readElement()
		s.depth = depth
		if ok {
			return
		}
	}
	s.noElement[at] = true
	s.i, s.found, s.doubts, s.depth = at+1, s.found[:found], s.doubts[:doubts], depth
}

// readElement reads an element or a fragment, from its less-than sign on.
func (s *scanner) readElement() bool {
	name := s.tagName(s.i + 1)
	closed, ok := s.attributes()
	if !ok || closed {
		return ok
	}
	for s.i < len(s.text) {
		switch {
		case strings.HasPrefix(s.text[s.i:], "</"):
			if s.tagName(s.i+2) != name {
				return false
			}
			s.i = afterEnd(s.text, s.i, ">")
			return true
		case s.text[s.i] == '<':
			if s.depth++; s.depth > maxDepth || !s.readElement() {
				return false
			}
			s.depth--
		case s.text[s.i] == '{':
			if !s.braces() {
				return false
			}
		default:
			s.i++
		}
	}
	return false
}

// tagName returns the name of a tag, which is empty for a fragment.
func (s *scanner) tagName(at int) string {
	rest := strings.TrimLeft(s.text[at:], " \t\r\n")
	end := 0
	for end < len(rest) && (isWord(rest[end]) || strings.IndexByte(".:-", rest[end]) >= 0) {
		end++
	}
	return rest[:end]
}

// attributes scans the rest of a tag. closed is set for an element without content.
func (s *scanner) attributes() (closed, ok bool) {
	for s.i++; s.i < len(s.text); {
		switch c := s.text[s.i]; {
		case c == '>':
			s.i++
			return false, true
		case strings.HasPrefix(s.text[s.i:], "/>"):
			s.i += 2
			return true, true
		case strings.HasPrefix(s.text[s.i:], "/*"):
			s.i = afterEnd(s.text, s.i+2, "*/")
		case c == '"' || c == '\'':
			s.i = afterEnd(s.text, s.i+1, string(c))
		case c == '{':
			if !s.braces() {
				return false, false
			}
		case isWord(c) || strings.IndexByte(" \t\r\n=.:-", c) >= 0:
			s.i++
		default:
			return false, false
		}
	}
	return false, false
}

// braces scans the code in braces.
func (s *scanner) braces() bool {
	s.i++
	if s.code() != nil || s.i >= len(s.text) {
		return false
	}
	s.i++
	return true
}
