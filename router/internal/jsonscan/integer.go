package jsonscan

import (
	"bytes"
	"slices"
)

// maxWritten bounds the digits that Integer writes out for a number with a
// fraction or an exponent, so that 1e999999999 costs nothing.
const maxWritten = 64

// Integer returns the digits of a JSON number whose value is an integer, in any
// notation: 1.0, 1e2 and -0 become 1, 100 and 0. It returns false for other
// numbers, and for those with more than 64 digits when written without an
// exponent. A number without a fraction or exponent is returned unchanged,
// whatever its length.
func Integer(number []byte) ([]byte, bool) {
	if len(number) == 0 {
		return nil, false
	}
	if bytes.IndexByte(number, '.') < 0 && bytes.IndexByte(number, 'e') < 0 && bytes.IndexByte(number, 'E') < 0 {
		if len(number) == 2 && number[0] == '-' && number[1] == '0' {
			return number[1:], true
		}
		return number, true
	}
	mantissa, exponent := number, 0
	if i := bytes.IndexAny(number, "eE"); i >= 0 {
		mantissa, exponent = number[:i], saturated(number[i+1:])
	}
	negative := mantissa[0] == '-'
	if negative {
		mantissa = mantissa[1:]
	}
	whole, fraction, _ := bytes.Cut(mantissa, []byte{'.'})
	fraction = bytes.TrimRight(fraction, "0")
	// The value is 0.DIGITS times ten to the power of point.
	digits, point := whole, len(whole)+exponent
	if len(fraction) > 0 {
		digits = slices.Concat(whole, fraction)
	}
	leading := len(digits) - len(bytes.TrimLeft(digits, "0"))
	digits, point = bytes.TrimRight(digits[leading:], "0"), point-leading
	switch {
	case len(digits) == 0:
		return []byte{'0'}, true
	case len(digits) > point || point > maxWritten:
		return nil, false
	}
	out := make([]byte, 0, point+1)
	if negative {
		out = append(out, '-')
	}
	out = append(out, digits...)
	for range point - len(digits) {
		out = append(out, '0')
	}
	return out, true
}

// saturated reads an exponent, no further from zero than a billion.
func saturated(text []byte) int {
	negative := text[0] == '-'
	if negative || text[0] == '+' {
		text = text[1:]
	}
	n := 0
	for _, c := range text {
		n = min(10*n+int(c-'0'), 1e9)
	}
	if negative {
		return -n
	}
	return n
}
