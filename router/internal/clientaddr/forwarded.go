package clientaddr

import "strings"

// forwardedNodes iterates over the for parameters of Forwarded (RFC 7239, section 4),
// starting with the last. It yields "" for an element without the parameter and for a
// malformed line, after which it stops.
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

// parseForwarded returns the for parameter of each element in a line. Quoted strings
// can only be recognized from the start of a line. A client that opens a quote makes
// the whole line malformed, and none of it can be trusted.
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
			if seen { // a parameter must not occur twice
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

// parameterValue parses a token or a quoted string (RFC 9110, section 5.6). It also
// accepts the characters of an address that should be quoted, such as colons,
// without quotes.
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

// isToken reports whether text is a token (RFC 9110, section 5.6.2).
func isToken(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", c)
	})
}
