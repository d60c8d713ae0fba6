package operation

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"souk/router/internal/jsonscan"
	"souk/router/internal/syntax"
)

// checkSurrogates rejects the escape sequence of a surrogate that is not part of
// a pair. It is not a Unicode scalar value (GraphQL, section 2.9.4, String
// Value), and the string could not be sent on as JSON. The parser library
// replaces it with U+FFFD. The text must have been parsed: all its tokens are
// otherwise valid.
func checkSurrogates(text string) Errors {
	if !strings.Contains(text, `\u`) {
		return nil
	}
	for i := 0; i < len(text); {
		switch {
		case text[i] == '#':
			i = syntax.CommentEnd(text, i)
		case strings.HasPrefix(text[i:], `"""`):
			i = syntax.BlockEnd(text, i+3)
		case text[i] == '"':
			end, at := stringEnd(text, i+1)
			if at >= 0 {
				return Errors{{
					Message:   fmt.Sprintf("Syntax Error: Invalid Unicode escape sequence: \"%s\".", text[at:at+6]),
					Locations: []Location{location(text, at)}, Code: CodeParseFailed,
				}}
			}
			i = end
		default:
			i++
		}
	}
	return nil
}

// stringEnd returns the index after the string whose first character, after the
// quote, is at i. If the string has an unpaired surrogate, at is its index;
// otherwise at is -1.
func stringEnd(text string, i int) (end, at int) {
	for i < len(text) && text[i] != '"' {
		switch {
		case text[i] != '\\':
			i++
		case jsonscan.Unpaired(text, i):
			return 0, i
		case i+6 < len(text) && jsonscan.Unpaired(text, i+6) && jsonscan.Unpaired(text[:i+6], i):
			i += 12 // a pair
		default:
			i += 2
		}
	}
	return i + 1, -1
}

// location converts a byte index to a line and a column in characters.
func location(text string, at int) Location {
	lines := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text[:at])
	start := strings.LastIndexByte(lines, '\n') + 1
	return Location{Line: strings.Count(lines, "\n") + 1, Column: utf8.RuneCountInString(lines[start:]) + 1}
}
