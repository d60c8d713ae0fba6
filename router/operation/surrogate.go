package operation

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"souk/router/internal/jsonscan"
)

// checkSurrogates refuses an escape of a surrogate that is not half of a pair:
// it is no Unicode scalar value (GraphQL, section 2.9.4, String Value), so that
// no JSON text could carry the string on. The parser takes it for U+FFFD. The
// text has been parsed: its tokens are valid but for this.
func checkSurrogates(text string) Errors {
	if !strings.Contains(text, `\u`) {
		return nil
	}
	for i := 0; i < len(text); {
		switch {
		case text[i] == '#':
			end := strings.IndexAny(text[i:], "\r\n")
			if end < 0 {
				return nil
			}
			i += end
		case strings.HasPrefix(text[i:], `"""`):
			i = blockEnd(text, i+3)
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

// stringEnd is behind the string whose first character is at i; at is where it
// has an unpaired surrogate, or -1.
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

// blockEnd is behind the block string whose first character is at i.
func blockEnd(text string, i int) int {
	for i < len(text) {
		switch {
		case strings.HasPrefix(text[i:], `\"""`):
			i += 4
		case strings.HasPrefix(text[i:], `"""`):
			i += 3
			return i + len(text[i:]) - len(strings.TrimLeft(text[i:], `"`)) // more quotes belong to the string
		default:
			i++
		}
	}
	return i
}

// location is the line and column, in characters, of an index.
func location(text string, at int) Location {
	lines := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text[:at])
	start := strings.LastIndexByte(lines, '\n') + 1
	return Location{Line: strings.Count(lines, "\n") + 1, Column: utf8.RuneCountInString(lines[start:]) + 1}
}
