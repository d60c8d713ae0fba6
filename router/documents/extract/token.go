package extract

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

func isWord(c byte) bool {
	return c == '_' || c == '$' || c >= utf8.RuneSelf || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
}

// afterEnd returns the position after the next occurrence of end.
func afterEnd(script string, from int, end string) int {
	if n := strings.Index(script[min(from, len(script)):], end); n >= 0 {
		return from + n + len(end)
	}
	return len(script)
}

// afterString returns the position after a string. A string that is not closed in its line is an
// apostrophe.
func afterString(script string, at int) int {
	for i := at + 1; i < len(script); i++ {
		switch script[i] {
		case '\\':
			i++
		case script[at]:
			return i + 1
		case '\n':
			return at + 1
		}
	}
	return at + 1
}

// escaped matches an escape sequence of a string.
var escaped = regexp.MustCompile(`(?s)\\(?:u\{[0-9a-fA-F]{1,6}\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|\r\n|.)`)

// unescape returns the value of a string with its quotes.
func unescape(text string) string {
	if len(text) < 2 {
		return ""
	}
	return escaped.ReplaceAllStringFunc(text[1:len(text)-1], func(e string) string {
		switch c := e[1]; {
		case len(e) > 2 && (c == 'u' || c == 'x'):
			n, err := strconv.ParseUint(strings.Trim(e[2:], "{}"), 16, 32)
			if err != nil || n > utf8.MaxRune {
				return e
			}
			return string(rune(n))
		case c == 'n':
			return "\n"
		case c == 't':
			return "\t"
		case c == 'r':
			return "\r"
		case c == '\n', c == '\r':
			return ""
		}
		return e[1:]
	})
}

// beginsPattern reports whether a slash after some text begins a regular expression, rather than
// dividing or closing a tag of JSX.
func beginsPattern(before string) bool {
	before = strings.TrimRight(before, " \t")
	return before == "" || strings.ContainsAny(before[len(before)-1:], "(,=:[!&|?{};\n") || strings.HasSuffix(before, "return")
}

// beginsElement reports whether a less-than sign after some text may begin an element of JSX,
// rather than comparing or type arguments.
func beginsElement(before string) bool {
	before = strings.TrimRight(before, " \t\r\n")
	return before == "" || strings.ContainsAny(before[len(before)-1:], "(,=:[!&|?{};}") || strings.HasSuffix(before, "=>") ||
		strings.HasSuffix(before, "return") || strings.HasSuffix(before, "default") || strings.HasSuffix(before, "*/")
}

func afterPattern(script string, at int) int {
	class := false
	for i := at + 1; i < len(script); i++ {
		switch script[i] {
		case '\\':
			i++
		case '[':
			class = true
		case ']':
			class = false
		case '\n':
			return at + 1
		case '/':
			if !class {
				return i + 1
			}
		}
	}
	return at + 1
}
