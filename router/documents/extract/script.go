package extract

import (
	"fmt"
	"regexp"
	"strings"
)

// A template is the text of a tagged template in a script.
type template struct {
	text string
	line int // of the beginning of text in the file
}

// tag matches what precedes a template with GraphQL: gql`…`, graphql`…`, graphql(`…`) and
// /* GraphQL */ `…`.
var tag = regexp.MustCompile("(?:\\b(?:gql|graphql)(?:<[^`()]*>)?\\s*\\(?\\s*(?:/\\*\\s*GraphQL\\s*\\*/\\s*)?|/\\*\\s*GraphQL\\s*\\*/\\s*)$")

// templates returns the templates with GraphQL in a script. It skips comments, strings and other
// templates, and replaces interpolations, which are fragments, by spaces.
func templates(script string) ([]template, error) {
	var found []template
	for i := 0; i < len(script); {
		switch c := script[i]; {
		case strings.HasPrefix(script[i:], "//"):
			i = after(script, i, "\n")
		case strings.HasPrefix(script[i:], "/*"):
			i = after(script, i+2, "*/")
		case c == '"' || c == '\'':
			i = afterString(script, i)
		case c == '/' && beginsPattern(script[:i]):
			i = afterPattern(script, i)
		case c == '`':
			end, inner, err := readTemplate(script, i)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", lineAt(script, i), err)
			}
			if tag.MatchString(script[max(0, i-200):i]) {
				found = append(found, template{inner, lineAt(script, i+1)})
			}
			i = end
		default:
			i++
		}
	}
	return found, nil
}

// after returns the position after the next occurrence of end.
func after(script string, from int, end string) int {
	if n := strings.Index(script[from:], end); n >= 0 {
		return from + n + len(end)
	}
	return len(script)
}

// afterString returns the position after a string. A string that is not closed in its line is an
// apostrophe, such as in the text of JSX.
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

// beginsPattern reports whether a slash after some text begins a regular expression, rather than
// dividing or closing a tag of JSX.
func beginsPattern(before string) bool {
	before = strings.TrimRight(before, " \t")
	return before == "" || strings.ContainsAny(before[len(before)-1:], "(,=:[!&|?{};\n") || strings.HasSuffix(before, "return")
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

// readTemplate reads the template that begins at a backtick. It returns the position after it,
// and its text.
func readTemplate(script string, at int) (end int, text string, err error) {
	var out strings.Builder
	for i := at + 1; i < len(script); i++ {
		switch {
		case script[i] == '`':
			return i + 1, out.String(), nil
		case script[i] == '\\' && i+1 < len(script):
			i++
			if strings.IndexByte("`$\\", script[i]) < 0 {
				out.WriteByte('\\') // an escape sequence of GraphQL
			}
			out.WriteByte(script[i])
		case strings.HasPrefix(script[i:], "${"):
			next := afterInterpolation(script, i)
			for _, c := range script[i:next] {
				if c != '\n' {
					c = ' '
				}
				out.WriteRune(c)
			}
			i = next - 1
		default:
			out.WriteByte(script[i])
		}
	}
	return 0, "", fmt.Errorf("a template is not closed")
}

// afterInterpolation returns the position after ${…}.
func afterInterpolation(script string, at int) int {
	depth := 0
	for i := at + 1; i < len(script); i++ {
		switch script[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(script)
}

func lineAt(text string, at int) int { return 1 + strings.Count(text[:at], "\n") }
