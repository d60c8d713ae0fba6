package syntax

import "strings"

// CommentEnd returns the index of the end of the line of a comment, which is at i.
func CommentEnd(text string, i int) int {
	if n := strings.IndexAny(text[i:], "\r\n"); n >= 0 {
		return i + n
	}
	return len(text)
}

// StringEnd returns the index after the string whose first character, after the quote, is at i. A
// string ends with its line; the parser reports that.
func StringEnd(text string, i int) int {
	for ; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"', '\n', '\r':
			return i + 1
		}
	}
	return len(text)
}

// BlockEnd returns the index after the block string whose first character, after the quotes, is at
// i. The last three of several quotes end it, as in the parser library.
func BlockEnd(text string, i int) int {
	for i < len(text) {
		switch {
		case strings.HasPrefix(text[i:], `\"""`):
			i += 4
		case strings.HasPrefix(text[i:], `"""`):
			return i + len(text[i:]) - len(strings.TrimLeft(text[i:], `"`))
		default:
			i++
		}
	}
	return i
}
