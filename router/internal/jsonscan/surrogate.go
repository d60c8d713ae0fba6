package jsonscan

import (
	"bytes"
	"unicode/utf16"
)

// Repair returns a copy of a text in which every escape of an unpaired surrogate
// (RFC 8259, section 8.2) is replaced by \ufffd, the replacement character. It
// returns nil if there is none. The text may be invalid; the rest stays unchanged.
func Repair(text []byte) []byte {
	var out []byte
	for i := 0; ; {
		next := bytes.IndexByte(text[i:], '\\')
		if next < 0 {
			return out
		}
		i += next
		if i+1 < len(text) && text[i+1] != 'u' {
			i += 2
			continue
		}
		if end := escape(text, i); end >= 0 {
			i = end
			continue
		}
		if !Unpaired(text, i) {
			i++
			continue
		}
		if out == nil {
			out = bytes.Clone(text)
		}
		copy(out[i:], `\ufffd`)
		i += len(`\ufffd`)
	}
}

// Unpaired reports whether \uXXXX at i is a surrogate that does not begin a pair.
// Callers skip whole pairs, so i is never at the second half of one.
func Unpaired[T []byte | string](text T, i int) bool {
	r, ok := unit(text, i)
	return ok && utf16.IsSurrogate(r) && !paired(text, i, r)
}

// paired reports whether the surrogate r, escaped at i, is the first half of a pair.
func paired[T []byte | string](text T, i int, r rune) bool {
	second, ok := unit(text, i+6)
	return ok && utf16.DecodeRune(r, second) != '\ufffd'
}

// unit reads the \uXXXX at i.
func unit[T []byte | string](text T, i int) (r rune, ok bool) {
	if i+6 > len(text) || text[i] != '\\' || text[i+1] != 'u' {
		return 0, false
	}
	for j := i + 2; j < i+6; j++ {
		c := text[j]
		if !isHex(c) {
			return 0, false
		}
		d := rune(c - '0')
		if d > 9 {
			d = rune(c|0x20) - 'a' + 10
		}
		r = r<<4 | d
	}
	return r, true
}
