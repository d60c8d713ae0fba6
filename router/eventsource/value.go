package eventsource

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
)

// decode decodes JSON. Numbers keep their text.
func decode(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err //nolint:wrapcheck // the caller says what was decoded
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is text after the JSON value")
	}
	return v, nil
}

// lookup returns the value at a path, or nil.
func lookup(v any, path []string) any {
	for _, name := range path {
		object, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = object[name]
	}
	return v
}

// scalarText returns the text of a string, a number or a boolean.
func scalarText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// equal reports whether two values are the same. A missing value is null. A number equals the
// string with its text, because values of the type ID may be either.
func equal(a, b any) bool {
	if order, ok := order(a, b); ok {
		return order == 0
	}
	switch a := a.(type) {
	case nil:
		return b == nil
	case bool:
		other, ok := b.(bool)
		return ok && a == other
	case json.Number:
		other, ok := b.(string)
		return ok && a.String() == other
	case string:
		other, ok := b.(json.Number)
		return ok && other.String() == a
	}
	return false
}

// order compares two numbers, or two strings by their bytes. It reports false for other values.
func order(a, b any) (int, bool) {
	switch a := a.(type) {
	case string:
		b, ok := b.(string)
		return strings.Compare(a, b), ok
	case json.Number:
		b, ok := b.(json.Number)
		if !ok {
			return 0, false
		}
		x, errX := strconv.ParseInt(a.String(), 10, 64)
		y, errY := strconv.ParseInt(b.String(), 10, 64)
		if errX == nil && errY == nil {
			return cmp.Compare(x, y), true
		}
		m, errM := a.Float64()
		n, errN := b.Float64()
		return cmp.Compare(m, n), errM == nil && errN == nil
	}
	return 0, false
}
