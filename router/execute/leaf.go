package execute

import (
	"souk/router/internal/jsonscan"
	"souk/router/plan"
)

// appendInt appends a number that is an Int (GraphQL, section 3.5.1) as plain
// digits. It returns false for any other number.
func appendInt(to, number []byte) ([]byte, bool) {
	if isInt(number) {
		return append(to, number...), true
	}
	digits, ok := jsonscan.Integer(number)
	if !ok || !isInt(digits) {
		return to, false
	}
	return append(to, digits...), true
}

// appendID appends a number as an ID, which is always a string (GraphQL,
// section 3.5.5). It returns false for a number that is not an integer.
func appendID(to, number []byte) ([]byte, bool) {
	digits, ok := jsonscan.Integer(number)
	if !ok {
		return to, false
	}
	return append(append(append(to, '"'), digits...), '"'), true
}

// isInt reports whether a number is written as a 32-bit integer, other than -0.
func isInt(text []byte) bool {
	negative := text[0] == '-'
	if negative {
		text = text[1:]
	}
	if len(text) > 10 || negative && text[0] == '0' {
		return false
	}
	n := int64(0)
	for _, c := range text {
		if c < '0' || c > '9' {
			return false
		}
		n = 10*n + int64(c-'0')
	}
	return n <= 1<<31-1 || negative && n == 1<<31
}

// inputKind states how the leaves of a representation are written.
func inputKind(k plan.TypeKind) valueKind {
	switch k {
	case plan.Int:
		return intValue
	case plan.ID:
		return idValue
	}
	return anyValue
}

// appendInput appends a leaf, or a list of leaves, as an input value. IDs that
// a subgraph gave as numbers become strings, so that no reader rounds them, and
// integers lose their fraction. A value that does not fit its type is sent
// unchanged: the subgraph reports what is wrong with it.
func appendInput(to, text []byte, k valueKind) []byte {
	switch c := text[0]; {
	case k == anyValue:
	case c == '[':
		to = append(to, '[')
		i, more := first(text, 0, ']')
		for n := 0; more; n++ {
			if n > 0 {
				to = append(to, ',')
			}
			end := jsonscan.Value(text, i)
			to = appendInput(to, text[i:end], k)
			i, more = jsonscan.Next(text, end, ']')
		}
		return append(to, ']')
	case kindOfText(c) != numberKind:
	case k == idValue:
		if out, ok := appendID(to, text); ok {
			return out
		}
	case k == intValue:
		if out, ok := appendInt(to, text); ok {
			return out
		}
	}
	return append(to, text...)
}
