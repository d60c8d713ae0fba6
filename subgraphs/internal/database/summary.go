package database

import "strings"

// summary names a statement by its command and its first table, such as "SELECT orders".
// The names come from the code of the services, so there are few.
func summary(sql string) string {
	words := tokens{rest: sql}
	command := strings.ToUpper(words.next())
	if command == "" {
		return "_EMPTY"
	}
	for previous := command; ; {
		word := words.next()
		if word == "" {
			return command
		}
		// A function is no table: FROM unnest(...), extract(epoch FROM now()).
		function := strings.HasPrefix(words.rest, "(")
		if word != "(" && (previous == "INTO" || previous == "UPDATE" || previous == "FROM" && !function) {
			return command + " " + strings.ToLower(word)
		}
		previous = strings.ToUpper(word)
	}
}

// tokens are the words of a statement, and its parentheses. Other punctuation separates
// them. A string literal is one token.
type tokens struct{ rest string }

func (t *tokens) next() string {
	t.rest = strings.TrimLeft(t.rest, " \t\r\n,;=<>+-*/|:.")
	switch {
	case t.rest == "":
		return ""
	case t.rest[0] == '(' || t.rest[0] == ')':
		word := t.rest[:1]
		t.rest = t.rest[1:]
		return word
	case t.rest[0] == '\'':
		_, t.rest, _ = strings.Cut(t.rest[1:], "'")
		return "''"
	}
	end := strings.IndexAny(t.rest, " \t\r\n,;=<>+-*/|:.()'")
	if end < 0 {
		end = len(t.rest)
	}
	word := t.rest[:end]
	t.rest = t.rest[end:]
	return strings.Trim(word, `"`)
}
