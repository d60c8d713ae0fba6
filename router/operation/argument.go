package operation

import (
	"slices"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/internal/jsonscan"
	"souk/router/internal/syntax"
)

// A ScalarSource says where a scalar comes from that is an argument, or inside of one: it is a
// literal, or the value of a variable, or inside of that.
type ScalarSource struct {
	// Text is the literal, a string without its quotes.
	Text string
	// Variable is the name of a variable, and Path leads to the scalar in its value.
	Variable string
	Path     []string
}

// SourceOf returns the source of a value. Its path begins with the name of an argument. It returns
// false if there is no such value, or if it is null, a list or an object.
func SourceOf(arguments []Argument, path []string) (ScalarSource, bool) {
	at := slices.IndexFunc(arguments, func(a Argument) bool { return len(path) > 0 && a.Name == path[0] })
	if at < 0 {
		return ScalarSource{}, false
	}
	doc, err := syntax.Query(&ast.Source{Input: "{f(a:" + arguments[at].Value + ")}"}, 0)
	if err != nil {
		return ScalarSource{}, false
	}
	return sourceIn(doc.Operations[0].SelectionSet[0].(*ast.Field).Arguments[0].Value, path[1:])
}

// sourceIn follows a path through a value, up to a variable.
func sourceIn(v *ast.Value, path []string) (ScalarSource, bool) {
	switch v.Kind {
	case ast.Variable:
		return ScalarSource{Variable: v.Raw, Path: path}, true
	case ast.ObjectValue:
		if len(path) == 0 {
			return ScalarSource{}, false
		}
		if c := v.Children.ForName(path[0]); c != nil {
			return sourceIn(c, path[1:])
		}
		return ScalarSource{}, false
	case ast.NullValue, ast.ListValue:
		return ScalarSource{}, false
	}
	return ScalarSource{Text: v.Raw}, len(path) == 0
}

// Of returns the value: the text of a string, a number or a boolean. It returns false if it is
// missing, null, a list or an object.
func (s *ScalarSource) Of(variables Variables) ([]byte, bool) {
	if s.Variable == "" {
		return []byte(s.Text), true
	}
	return ScalarAt(variables.Get(s.Variable), s.Path)
}

// ScalarAt returns a scalar in a JSON value, as Of does.
func ScalarAt(value []byte, path []string) ([]byte, bool) {
	for _, name := range path {
		if len(value) == 0 || jsonscan.KindOf(value) != jsonscan.KindObject {
			return nil, false
		}
		value = memberOf(value, name)
	}
	if len(value) == 0 {
		return nil, false
	}
	switch jsonscan.KindOf(value) {
	case jsonscan.KindString:
		return jsonscan.Text(value), true
	case jsonscan.KindNumber, jsonscan.KindBoolean:
		return value, true
	}
	return nil, false
}

func memberOf(object []byte, name string) (found []byte) {
	r := jsonscan.NewReader(object, jsonscan.MaxDepth)
	err := r.Object(func(key []byte) error {
		value, err := r.Value()
		if found == nil && string(key) == name {
			found = value
		}
		return err
	})
	if err != nil {
		return nil
	}
	return found
}
