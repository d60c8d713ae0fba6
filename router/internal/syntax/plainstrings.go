package syntax

import (
	"strings"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"
)

// string reads a string or a block string. It returns its position as the library has it: in the line where
// it ends, and with a column that is that of its first character, after the quotes.
func (p *plainParser) string() (kind ast.ValueKind, value string, at ast.Position, ok bool) {
	at = p.position()
	p.tokens++
	if strings.HasPrefix(p.text[p.at:], `"""`) {
		kind = ast.BlockValue
		value, ok = p.blockString()
		at.Column = at.Start + len(`"""`) - p.lineStart + 1
	} else {
		kind = ast.StringValue
		value, ok = p.simpleString()
		at.Column++
	}
	at.Line, at.End = p.line, p.at-p.wide
	return kind, value, at, ok
}

func (p *plainParser) simpleString() (value string, ok bool) {
	start, escapes := p.at+1, false
	for i := start; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == '"':
			p.skip(i + 1)
			if value = p.text[start:i]; escapes {
				return unescape(value)
			}
			return value, true
		case c == '\\':
			escapes = true
			i++
		case c < ' ' && c != '\t':
			return "", false
		}
	}
	return "", false
}

// unescape returns the value of a string with escape sequences other than those of Unicode.
func unescape(text string) (value string, ok bool) {
	if !utf8.ValidString(text) {
		return "", false
	}
	var out strings.Builder
	out.Grow(len(text))
	for {
		before, after, found := strings.Cut(text, `\`)
		out.WriteString(before)
		if !found {
			return out.String(), true
		}
		if after == "" {
			return "", false
		}
		i := strings.IndexByte(`"\/bfnrt`, after[0])
		if i < 0 {
			return "", false
		}
		out.WriteByte("\"\\/\b\f\n\r\t"[i])
		text = after[1:]
	}
}

func (p *plainParser) blockString() (value string, ok bool) {
	const quotes, escaped = `"""`, `\"""`
	start := p.at + len(quotes)
	for i := start; i < len(p.text); i++ {
		rest := p.text[i:]
		switch c := rest[0]; {
		case strings.HasPrefix(rest, escaped):
			i += len(escaped) - 1
		case strings.HasPrefix(rest, quotes):
			p.skip(i + len(quotes))
			return blockValue(p.text[start:i]), BlockEnd(p.text, i) == p.at
		case c == '\n' || c == '\r':
			if strings.HasPrefix(rest, "\r\n") {
				i++
			}
			p.skip(i)
			p.newLine()
		case c < ' ' && c != '\t':
			return "", false
		}
	}
	return "", false
}
