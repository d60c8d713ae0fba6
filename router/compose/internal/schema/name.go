package schema

import "strings"

// CompareNames orders names as a dictionary does, and as JavaScript's localeCompare
// does: underscores, then digits, then letters without regard to case; a lower-case
// letter precedes its upper-case one if the names are equal otherwise.
func CompareNames(a, b string) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if x, y := weight(a[i]), weight(b[i]); x != y {
			return x - y
		}
	}
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(b, a)
}

func weight(c byte) int {
	switch {
	case c == '_':
		return 0
	case c >= 'A' && c <= 'Z':
		return int(c) + 'a' - 'A'
	}
	return int(c)
}
