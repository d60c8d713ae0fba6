package operation

import (
	"encoding/json"
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/internal/jsonscan"
)

// tooLong says that a list has more items than are allowed.
func tooLong(limit int, at []Location) *Error {
	return &Error{
		Message:   fmt.Sprintf("A list has more than %d items. Send several requests with fewer items each.", limit),
		Locations: at, Code: CodeMaxListItems,
	}
}

// exceeds says whether a list anywhere in a valid JSON text has more items than
// limit. An item takes two bytes at least, so short texts are not looked at.
func exceeds(text json.RawMessage, limit int) bool {
	if limit <= 0 || len(text) < 2*limit {
		return false
	}
	// open has the items of each list that is open, and -1 for objects.
	var open []int
	for i := 0; i < len(text); {
		switch text[i] {
		case '"':
			end := jsonscan.String(text, i)
			if end < 0 {
				return false // not valid, which others report
			}
			i = end
			continue
		case '[':
			open = append(open, 1)
		case '{':
			open = append(open, -1)
		case ']', '}':
			if len(open) > 0 {
				open = open[:len(open)-1]
			}
		case ',':
			if last := len(open) - 1; last >= 0 && open[last] > 0 {
				if open[last]++; open[last] > limit {
					return true
				}
			}
		}
		i++
	}
	return false
}

// longest is the number of items of the longest list in a literal.
func longest(v *ast.Value) int {
	if v == nil {
		return 0
	}
	most := 0
	if v.Kind == ast.ListValue {
		most = len(v.Children)
	}
	for _, child := range v.Children {
		most = max(most, longest(child.Value))
	}
	return most
}

func (m *measurer) arguments(list ast.ArgumentList) {
	for _, a := range list {
		m.items = max(m.items, longest(a.Value))
	}
}

func (m *measurer) annotations(list ast.DirectiveList) {
	m.directives += len(list)
	for _, d := range list {
		m.arguments(d.Arguments)
	}
}
