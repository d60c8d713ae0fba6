package operation

import (
	"encoding/json"
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/internal/jsonscan"
)

// tooLong returns the error for a list with more than limit items.
func tooLong(limit int, at []Location) *Error {
	return &Error{
		Message:   fmt.Sprintf("A list has more than %d items. Send several requests with fewer items each.", limit),
		Locations: at, Code: CodeMaxListItems,
	}
}

// longList returns the error for a list in variables that is too long, or nil.
func (d *Document) longList(raw json.RawMessage) *Error {
	if most := d.schema.Limits.ListItems; exceeds(raw, most) {
		return tooLong(most, nil)
	}
	return nil
}

// LongList returns the limit on the items of lists, if variables exceed it and it is only logged,
// or nil.
func (d *Document) LongList(raw json.RawMessage) *Error {
	if !d.schema.Limits.logs(CodeMaxListItems) {
		return nil
	}
	return d.longList(raw)
}

// exceeds reports whether a list anywhere in a valid JSON text has more than
// limit items. An item takes at least two bytes, so a text shorter than twice
// the limit needs no scan.
func exceeds(text json.RawMessage, limit int) bool {
	if limit <= 0 || len(text) < 2*limit {
		return false
	}
	// open is a stack with one entry for each enclosing list or object: the
	// number of items so far, or -1 for an object.
	var open []int
	for i := 0; i < len(text); {
		switch text[i] {
		case '"':
			end := jsonscan.String(text, i)
			if end < 0 {
				return false // not valid JSON; coercion reports it
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

// longest returns the number of items in the longest list in a literal.
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
