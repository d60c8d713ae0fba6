package clientaddr

import "strings"

// forwardedNodes gives the for parameters of Forwarded (RFC 7239, section 4),
// the last first: an empty one for an element without it, or a line that is not
// well-formed.
func forwardedNodes(lines []string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := len(lines) - 1; i >= 0; i-- {
			nodes, ok := parseForwarded(lines[i])
			if !ok {
				yield("")
				return
			}
			for k := len(nodes) - 1; k >= 0; k-- {
				if !yield(nodes[k]) {
					return
				}
			}
		}
	}
}

// parseForwarded gives the for parameter of each element of a line. Quotes can
// only be told apart from the beginning, so that a client that opens one spoils
// the line: nothing in it can be believed then.
func parseForwarded(line string) (nodes []string, ok bool) {
	if len(line) > maxLine {
		return nil, false
	}
	node, seen := "", false
	for rest := line; ; {
		rest = strings.TrimLeft(rest, " \t")
		name, after, found := strings.Cut(rest, "=")
		if !found || !isToken(name) {
			return nil, false
		}
		value, after, ok := parameterValue(after)
		if !ok {
			return nil, false
		}
		if strings.EqualFold(name, "for") {
			if seen { // a parameter may be there once
				return nil, false
			}
			node, seen = value, true
		}
		after = strings.TrimLeft(after, " \t")
		switch {
		case after == "":
			return append(nodes, node), true
		case after[0] == ',':
			nodes = append(nodes, node)
			node, seen = "", false
		case after[0] != ';':
			return nil, false
		}
		rest = after[1:]
	}
}

// parameterValue reads a token or a quoted string (RFC 9110, section 5.6). The
// characters of an address that have to be quoted are taken without quotes, too.
func parameterValue(text string) (value, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, ",; \t\"")
		if end < 0 {
			end = len(text)
		}
		return text[:end], text[end:], end > 0
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return b.String(), text[i+1:], true
		case '\\':
			if i++; i == len(text) {
				return "", "", false
			}
		}
		b.WriteByte(text[i])
	}
	return "", "", false
}

func isToken(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", c)
	})
}
