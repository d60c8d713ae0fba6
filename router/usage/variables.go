package usage

import (
	"slices"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/internal/jsonscan"
	"souk/router/operation"
)

// maxGiven bounds the elements that the variables of one operation add.
const maxGiven = 1000

// Given appends to list the elements that only the values of the variables use, without
// duplicates.
func (e *Elements) Given(list []string, vars operation.Variables) []string {
	if e == nil {
		return list
	}
	for _, in := range e.inputs {
		if value := vars.Get(in.name); value != nil {
			r := jsonscan.NewReader(value, jsonscan.MaxDepth)
			list = e.read(list, &r, in.typ)
		}
	}
	return list
}

// read reads one value of an input type. Variables are valid, so that errors cannot occur.
func (e *Elements) read(list []string, r *jsonscan.Reader, t *ast.Definition) []string {
	add := func(coordinate string) {
		_, known := slices.BinarySearch(e.Coordinates, coordinate)
		if e.schema.counts(coordinate) && !known && len(list) < maxGiven && !slices.Contains(list, coordinate) {
			list = append(list, coordinate)
		}
	}
	skip := func() error {
		_, err := r.Value()
		return err
	}
	var value func(t *ast.Definition) error
	value = func(t *ast.Definition) error {
		switch {
		case t == nil || !e.schema.reaches[t.Name]:
			return skip()
		case r.Peek() == '[':
			return r.Array(func(int) error { return value(t) })
		case r.Peek() == '{' && t.Kind == ast.InputObject:
			return r.Object(func(key []byte) error {
				f := t.Fields.ForName(string(key))
				if f == nil {
					return skip()
				}
				add(t.Name + "." + f.Name)
				return value(e.schema.schema.Types[f.Type.Name()])
			})
		case r.Peek() == '"' && t.Kind == ast.Enum:
			text, err := r.Value()
			if err == nil {
				add(t.Name + "." + string(jsonscan.Unquote(text)))
			}
			return err
		}
		return skip()
	}
	_ = value(t)
	return list
}

// IsDeprecated reports whether an element is deprecated.
func (e *Elements) IsDeprecated(coordinate string) bool {
	_, ok := e.schema.deprecated[coordinate]
	return ok
}
