package extract

import (
	"slices"
	"strings"
)

// A span is the part of a text that an interpolation was replaced in.
type span struct{ from, to int }

// besides reports whether each interpolation of a text is where whole fragments may be: between
// definitions, or in a comment. What an interpolation within a definition stands for, such as a
// name or a selection, is not known.
func besides(text string, interpolations []span) bool {
	return !slices.ContainsFunc(interpolations, func(s span) bool { return !isBeside(text, s) })
}

func isBeside(text string, s span) bool {
	depth, last := 0, byte(0) // open brackets, and the last character that is not ignored
	for i := 0; i < s.from; {
		switch c := text[i]; {
		case c == '#':
			if i = afterEnd(text, i, "\n"); i > s.from {
				return true
			}
			continue
		case c == '"':
			if i = afterValue(text, i); i > s.from {
				return false
			}
			last = c
			continue
		case strings.IndexByte("{([", c) >= 0:
			depth, last = depth+1, c
		case strings.IndexByte("})]", c) >= 0:
			depth, last = depth-1, c
		case !isIgnored(c):
			last = c
		}
		i++
	}
	return depth == 0 && (last == 0 || last == '}') && begin(text[s.to:])
}

// afterValue returns the position after a string of GraphQL.
func afterValue(text string, at int) int {
	const block = `"""`
	if !strings.HasPrefix(text[at:], block) {
		return afterString(text, at)
	}
	for i := at + len(block); i < len(text); i++ {
		switch {
		case strings.HasPrefix(text[i:], `\`+block):
			i += len(block)
		case strings.HasPrefix(text[i:], block):
			return i + len(block)
		}
	}
	return len(text)
}

func isIgnored(c byte) bool { return strings.IndexByte(" \t\r\n,", c) >= 0 }

// definitions are the words with which a definition begins.
var definitions = []string{
	"query", "mutation", "subscription", "fragment",
	"schema", "scalar", "type", "interface", "union", "enum", "input", "directive", "extend",
}

// begin reports whether a text begins with a definition, or has none.
func begin(text string) bool {
	for text != "" {
		switch c := text[0]; {
		case isIgnored(c):
			text = text[1:]
		case c == '#':
			text = text[afterEnd(text, 0, "\n"):]
		case c == '{' || c == '"':
			return true
		default:
			end := strings.IndexFunc(text, func(r rune) bool { return r > 0x7f || !isWord(byte(r)) })
			if end < 0 {
				end = len(text)
			}
			return slices.Contains(definitions, text[:end])
		}
	}
	return true
}
