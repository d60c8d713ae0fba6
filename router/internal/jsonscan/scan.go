package jsonscan

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// MaxDepth is how deep arrays and objects may be nested, as in encoding/json.
const MaxDepth = 10000

// Space skips white space.
func Space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// Valid reports whether b is one JSON value, with or without white space around it.
func Valid(b []byte) bool {
	i := Value(b, Space(b, 0))
	return i >= 0 && Space(b, i) == len(b)
}

// Value scans the value that starts at i.
func Value(b []byte, i int) int { return value(b, i, 0) }

func value(b []byte, i, depth int) int {
	if i >= len(b) {
		return ^i
	}
	switch b[i] {
	case '"':
		return String(b, i)
	case '{':
		return object(b, i, depth+1)
	case '[':
		return array(b, i, depth+1)
	case 't':
		return Literal(b, i, "true")
	case 'f':
		return Literal(b, i, "false")
	case 'n':
		return Literal(b, i, "null")
	default:
		return Number(b, i)
	}
}

// Literal scans the given text.
func Literal(b []byte, i int, text string) int {
	if len(b)-i < len(text) || string(b[i:i+len(text)]) != text {
		return ^i
	}
	return i + len(text)
}

func object(b []byte, i, depth int) int {
	if depth > MaxDepth {
		return ^i
	}
	i = Space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1
	}
	for {
		if i >= len(b) || b[i] != '"' {
			return ^i
		}
		if i = String(b, i); i < 0 {
			return i
		}
		if i = Colon(b, i); i < 0 {
			return i
		}
		if i = value(b, i, depth); i < 0 {
			return i
		}
		var more bool
		if i, more = Next(b, i, '}'); !more {
			return i
		}
	}
}

func array(b []byte, i, depth int) int {
	if depth > MaxDepth {
		return ^i
	}
	i = Space(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		if i = value(b, i, depth); i < 0 {
			return i
		}
		var more bool
		if i, more = Next(b, i, ']'); !more {
			return i
		}
	}
}

// Colon scans the colon after an object's key, and space around it.
func Colon(b []byte, i int) int {
	if i < len(b) && b[i] != ':' {
		i = Space(b, i)
	}
	if i >= len(b) || b[i] != ':' {
		return ^i
	}
	i++
	if i < len(b) && b[i] <= ' ' {
		i = Space(b, i)
	}
	return i
}

// Next scans what follows a value inside an array or object. After a comma it
// returns the index of the next item or member and true. After the end it returns
// the index behind it and false. On an error it returns false.
func Next(b []byte, i int, end byte) (int, bool) {
	if i < len(b) && b[i] <= ' ' {
		i = Space(b, i)
	}
	if i >= len(b) {
		return ^i, false
	}
	switch b[i] {
	case ',':
		i++
		if i < len(b) && b[i] <= ' ' {
			i = Space(b, i)
		}
		return i, true
	case end:
		return i + 1, false
	default:
		return ^i, false
	}
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special sets the high bit of each byte of w that needs a closer look in a
// string: a quote, a backslash, a control character or one beyond ASCII. Only the
// lowest bit that is set is reliable.
//
// Subtracting n sets the high bit of an ASCII byte below n. Exclusive or with 2 makes 0x20
// of a quote, which is next to the control characters, and leaves those below 0x20; with a
// backslash, it makes 0 of a backslash only.
func special(w uint64) uint64 {
	quote := (w ^ ones*2) - ones*0x21
	slash := (w ^ ones*'\\') - ones
	return (quote | slash | w) & highs
}

// String scans the string whose opening quote is at i.
func String(b []byte, i int) int {
	i++
	for {
		for i+8 <= len(b) {
			m := special(binary.LittleEndian.Uint64(b[i:]))
			if m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		if i >= len(b) {
			return ^len(b)
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			if i = escape(b, i); i < 0 {
				return i
			}
		case c < ' ':
			return ^i
		case c < utf8.RuneSelf:
			i++
		default:
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n == 1 {
				return ^i
			}
			i += n
		}
	}
}

// escape scans the escape sequence whose backslash is at i, or two that make a
// pair of surrogates.
func escape(b []byte, i int) int {
	if i+1 >= len(b) {
		return ^len(b)
	}
	switch b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		for j := i + 2; j < i+6; j++ {
			if j >= len(b) || !isHex(b[j]) {
				return ^min(j, len(b))
			}
		}
		if b[i+2]|0x20 != 'd' || b[i+3] < '8' {
			return i + 6 // not a surrogate
		}
		if r, _ := unit(b, i); !paired(b, i, r) {
			return ^i
		}
		return i + 12
	default:
		return ^(i + 1)
	}
}

func isHex(c byte) bool {
	return c-'0' < 10 || (c|0x20)-'a' < 6
}

// Number scans the number that starts at i.
func Number(b []byte, i int) int {
	if i < len(b) && b[i] == '-' {
		i++
	}
	if i >= len(b) {
		return ^i
	}
	if b[i] == '0' {
		i++
	} else if i = digits(b, i); i < 0 {
		return i
	}
	if i < len(b) && b[i] == '.' {
		if i = digits(b, i+1); i < 0 {
			return i
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		return digits(b, i)
	}
	return i
}

// digits scans one digit or more.
func digits(b []byte, i int) int {
	start := i
	for i < len(b) && b[i]-'0' < 10 {
		i++
	}
	if i == start {
		return ^i
	}
	return i
}
