package limit

import (
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// literalLength returns the number of items in a list in GraphQL syntax.
func literalLength(text string) float64 {
	if text == "" || text == "null" {
		return 0
	}
	doc, err := parser.ParseQuery(&ast.Source{Input: "{f(a:" + text + ")}"})
	if err != nil {
		return 0
	}
	value := doc.Operations[0].SelectionSet[0].(*ast.Field).Arguments[0].Value
	if value.Kind != ast.ListValue {
		return 1
	}
	return float64(len(value.Children))
}

// literal returns the numeric value at a path in a value in GraphQL syntax. It
// takes the values of variables from e, which can be nil.
func literal(text, path string, e *evaluation) (float64, bool) {
	if path == "" {
		return parseSize(text)
	}
	doc, err := parser.ParseQuery(&ast.Source{Input: "{f(a:" + text + ")}"})
	if err != nil {
		return 0, false
	}
	value := doc.Operations[0].SelectionSet[0].(*ast.Field).Arguments[0].Value
	for path != "" {
		if value.Kind == ast.Variable {
			break
		}
		var name string
		name, path, _ = strings.Cut(path, ".")
		if value = value.Children.ForName(name); value == nil {
			return 0, false
		}
	}
	if value.Kind != ast.Variable {
		return parseSize(value.Raw)
	}
	if e == nil {
		return 0, false
	}
	e.varying = true
	if raw := e.vars.Get(value.Raw); raw != nil {
		return number(raw, path)
	}
	return literal(e.defaults[value.Raw], path, nil)
}
