package jsonscan

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// Text decodes a string, which must be valid and have its quotes. If it has no
// escapes, the result shares its bytes.
func Text(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	return Unquote(bytes.Clone(quoted))
}

// Unquote is like Text, but decodes escapes in place: an escape is never shorter
// than the character that it represents.
func Unquote(quoted []byte) []byte {
	inside := quoted[1 : len(quoted)-1]
	at := bytes.IndexByte(inside, '\\')
	if at < 0 {
		return inside
	}
	out := inside[:at]
	for at < len(inside) {
		if inside[at] != '\\' {
			next := bytes.IndexByte(inside[at:], '\\')
			if next < 0 {
				next = len(inside) - at
			}
			out = append(out, inside[at:at+next]...)
			at += next
			continue
		}
		switch c := inside[at+1]; c {
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case 'r':
			out = append(out, '\r')
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'u':
			r, _ := unit(inside, at)
			if second, ok := unit(inside, at+6); ok && utf16.IsSurrogate(r) {
				r = utf16.DecodeRune(r, second)
				at += 6
			}
			out = utf8.AppendRune(out, r)
			at += 6
			continue
		default:
			out = append(out, c)
		}
		at += 2
	}
	return out
}
