package syntax

import (
	"strings"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"
)

// next skips what is ignored between tokens, and returns the byte that the next token begins with, or 0
// at the end and where the document has too many tokens.
func (p *plainParser) next() byte {
	if p.tokens > p.most {
		return 0
	}
	for ; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; c {
		case ' ', '\t', ',':
		case '\n':
			p.newLine()
		case '\r':
			p.newLine() // the library counts columns from here
			if p.at+1 < len(p.text) && p.text[p.at+1] == '\n' {
				p.at++
			}
		case '#':
			p.comment()
		case byteOrderMark[0]:
			if !strings.HasPrefix(p.text[p.at:], byteOrderMark) {
				return c
			}
			p.at += len(byteOrderMark) - 1
			p.wide += len(byteOrderMark) - 1
		default:
			return c
		}
	}
	return 0
}

// newLine begins a line after the byte at at.
func (p *plainParser) newLine() { p.line, p.lineStart = p.line+1, p.at+1-p.wide }

// comment skips a comment up to its last byte. The library counts it as a token.
func (p *plainParser) comment() {
	p.tokens++
	end := p.at + 1
	for end < len(p.text) && (p.text[end] >= ' ' || p.text[end] == '\t') {
		end++
	}
	p.skip(end)
	p.at--
}

// skip goes to a place further on, before which there may be characters of several bytes.
func (p *plainParser) skip(to int) {
	p.wide += to - p.at - utf8.RuneCountInString(p.text[p.at:to])
	p.at = to
}

// take reads a token of one byte if it is the next one.
func (p *plainParser) take(token byte) bool {
	if p.next() != token {
		return false
	}
	p.at++
	p.tokens++
	return true
}

// spread reads the token "..." if it is the next one.
func (p *plainParser) spread() bool {
	const token = "..."
	p.next()
	if !strings.HasPrefix(p.text[p.at:], token) {
		return false
	}
	p.at += len(token)
	p.tokens++
	return true
}

// nameEnd returns the end of the name that begins at a place.
func (p *plainParser) nameEnd(i int) int {
	for i < len(p.text) && (nameStart(p.text[i]) || digit(p.text[i])) {
		i++
	}
	return i
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func (p *plainParser) name() (name string, ok bool) {
	if !nameStart(p.next()) {
		return "", false
	}
	start := p.at
	p.at = p.nameEnd(start)
	p.tokens++
	return p.text[start:p.at], true
}

// position returns the position of the next token, which is a name or has one byte.
func (p *plainParser) position() ast.Position {
	named := nameStart(p.next())
	end := p.at + 1
	if named {
		end = p.nameEnd(p.at)
	}
	start := p.at - p.wide
	return ast.Position{Start: start, End: end - p.wide, Line: p.line, Column: start - p.lineStart + 1, Src: &p.nodes.source}
}

func (p *plainParser) newPosition() *ast.Position { return p.nodes.positions.Of(p.position()) }

// number reads a number.
func (p *plainParser) number() (kind ast.ValueKind, value string, ok bool) {
	start := p.at
	end := start
	if p.text[end] == '-' {
		end++
	}
	whole := end
	if end = p.digits(end); end == whole || p.text[whole] == '0' && end > whole+1 {
		return 0, "", false
	}
	kind = ast.IntValue
	if end < len(p.text) && p.text[end] == '.' {
		kind = ast.FloatValue
		fraction := end + 1
		if end = p.digits(fraction); end == fraction {
			return 0, "", false
		}
	}
	if end < len(p.text) && p.text[end]|0x20 == 'e' {
		kind = ast.FloatValue
		if end++; end < len(p.text) && (p.text[end] == '+' || p.text[end] == '-') {
			end++
		}
		exponent := end
		if end = p.digits(end); end == exponent {
			return 0, "", false
		}
	}
	if end < len(p.text) && (p.text[end] == '.' || nameStart(p.text[end])) {
		return 0, "", false // GraphQL, section 2.9.1: the library takes it for two tokens
	}
	p.at = end
	p.tokens++
	return kind, p.text[start:end], true
}

// digits returns the end of the digits that begin at a place.
func (p *plainParser) digits(i int) int {
	for i < len(p.text) && digit(p.text[i]) {
		i++
	}
	return i
}
