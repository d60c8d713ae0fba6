package operation

import (
	"bytes"
	"unicode/utf8"
)

// A Literal is a number or a string in the text of a document.
type Literal struct {
	// Text is the literal as it is written, which is also its JSON.
	Text []byte
	kind literalKind
	// start is where it begins in the text, in bytes.
	start int
	// number is that of the first literal with the same text and kind.
	number int
}

// A literalKind is a kind of literals (GraphQL, sections 2.9.1, 2.9.2 and 2.9.4).
type literalKind byte

const (
	intLiteral    literalKind = 'i'
	floatLiteral  literalKind = 'f'
	stringLiteral literalKind = 's'
)

const (
	// maxLiterals bounds the literals of an outline.
	maxLiterals = 64
	// mark stands before a literal in an outline. No valid document has this character.
	mark = 1
	// literalPrefix begins the names of the variables of a template.
	literalPrefix = "literal"
)

// Outline appends the text of a document to key, without the values of its literals, and appends the
// literals to list. Two documents have the same outline if they differ only in literals, and if the
// same of these are equal to each other. It does not read the document beyond its tokens.
//
// Outline returns false if the document has no literals, or has something that makes them hard to
// tell: block strings, or characters that are not valid. Strings with escape sequences count
// as part of the outline.
func Outline(key, text []byte, list []Literal) ([]byte, []Literal, bool) {
	if bytes.IndexByte(text, mark) >= 0 || bytes.Contains(text, []byte("$"+literalPrefix)) {
		return key, list, false
	}
	copied := 0
	for i := 0; i < len(text); {
		c := text[i]
		var end int
		var kind literalKind
		switch {
		case c == '"':
			if end, kind = stringToken(text, i); end < 0 {
				return key, list, false
			}
		case c == '-' || isDigit(c):
			if end, kind = numberToken(text, i); end < 0 {
				return key, list, false
			}
		case isNameStart(c):
			for i++; i < len(text) && (isNameStart(text[i]) || isDigit(text[i])); {
				i++
			}
			continue
		case c == '#':
			i = commentEnd(text, i)
			continue
		default:
			i++
			continue
		}
		if kind != 0 {
			if len(list) == maxLiterals {
				return key, list, false
			}
			list = appendLiteral(list, Literal{Text: text[i:end], kind: kind, start: i})
			key = append(append(key, text[copied:i]...), mark, byte(kind), byte(list[len(list)-1].number))
			copied = end
		}
		i = end
	}
	return append(key, text[copied:]...), list, len(list) > 0
}

func appendLiteral(list []Literal, l Literal) []Literal {
	l.number = len(list)
	for i := range list {
		if list[i].kind == l.kind && bytes.Equal(list[i].Text, l.Text) {
			l.number = i
			break
		}
	}
	return append(list, l)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isNameStart(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }

// commentEnd returns the end of the comment at i.
func commentEnd(text []byte, i int) int {
	if end := bytes.IndexAny(text[i:], "\r\n"); end >= 0 {
		return i + end
	}
	return len(text)
}

// stringToken returns the end of the string at i, or -1 if it is a block string or has no end. The
// kind is 0 if the text of the string is not its JSON.
func stringToken(text []byte, i int) (int, literalKind) {
	if bytes.HasPrefix(text[i:], []byte(`"""`)) {
		return -1, 0
	}
	kind := stringLiteral
	for at := i + 1; at < len(text); at++ {
		switch c := text[at]; {
		case c == '"':
			if kind != 0 && !utf8.Valid(text[i:at]) {
				kind = 0
			}
			return at + 1, kind
		case c == '\\':
			kind = 0
			at++
		case c == '\n' || c == '\r':
			return -1, 0
		case c < ' ':
			kind = 0
		}
	}
	return -1, 0
}

// numberToken returns the end of the number at i, or -1 if it is not valid.
func numberToken(text []byte, i int) (int, literalKind) {
	kind := intLiteral
	at := i
	if text[at] == '-' {
		at++
	}
	first := at
	if at = digitsEnd(text, at); at == first || text[first] == '0' && at > first+1 {
		return -1, 0
	}
	if at < len(text) && text[at] == '.' {
		kind = floatLiteral
		first = at + 1
		if at = digitsEnd(text, first); at == first {
			return -1, 0
		}
	}
	if at < len(text) && text[at]|0x20 == 'e' {
		kind = floatLiteral
		if at++; at < len(text) && (text[at] == '+' || text[at] == '-') {
			at++
		}
		first = at
		if at = digitsEnd(text, at); at == first {
			return -1, 0
		}
	}
	if at < len(text) && (text[at] == '.' || isNameStart(text[at])) {
		return -1, 0
	}
	return at, kind
}

func digitsEnd(text []byte, i int) int {
	for i < len(text) && isDigit(text[i]) {
		i++
	}
	return i
}
