package limit

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/internal/jsonscan"
	"souk/router/internal/syntax"
	"souk/router/operation"
	"souk/router/supergraph"
)

// An argument is a number, or the length of a list, in an argument of a field. Literals and default
// values are read when a formula is compiled: only values of variables differ between requests.
type argument struct {
	variable string // empty for a literal
	path     string // in the value of the variable
	// constant is the number or length in the literal or the default value; known is set if there
	// is one.
	constant float64
	known    bool
}

// argument returns the number at a path, which starts with the name of an argument and can lead
// into an input object ("page.first"). It returns false if the argument is not given.
func (c *compiler) argument(f *operation.Field, path string) (argument, bool) {
	name, rest, _ := strings.Cut(path, ".")
	for _, given := range f.Arguments {
		if given.Name == name {
			return c.number(given.Value, rest), true
		}
	}
	return argument{}, false
}

// listArguments returns the given arguments that have a list type.
func (c *compiler) listArguments(f *supergraph.Field, s *operation.Field) (list []argument) {
	for _, given := range s.Arguments {
		for _, a := range f.Arguments {
			if a.Name == given.Name && strings.HasPrefix(a.Type, "[") {
				list = append(list, c.length(given.Value))
			}
		}
	}
	return list
}

// number reads the number at a path in a value in GraphQL syntax, which may be a variable or
// have one there.
func (c *compiler) number(text, path string) (out argument) {
	if path == "" && !strings.HasPrefix(text, "$") {
		out.constant, out.known = parseSize(text)
		return out
	}
	value := parseLiteral(text)
	for value != nil && path != "" && value.Kind != ast.Variable {
		var name string
		name, path, _ = strings.Cut(path, ".")
		value = value.Children.ForName(name)
	}
	switch {
	case value == nil:
	case value.Kind != ast.Variable:
		out.constant, out.known = parseSize(value.Raw)
	default:
		out = c.number(c.defaults[value.Raw], path)
		out.variable, out.path = value.Raw, path
	}
	return out
}

// length reads the length of a list in GraphQL syntax. A single value is coerced to a list of one.
func (c *compiler) length(text string) argument {
	value := parseLiteral(text)
	switch {
	case value == nil || value.Kind == ast.NullValue:
		return argument{known: true}
	case value.Kind == ast.ListValue:
		return argument{known: true, constant: float64(len(value.Children))}
	case value.Kind == ast.Variable:
		out := c.length(c.defaults[value.Raw])
		out.variable = value.Raw
		return out
	}
	return argument{known: true, constant: 1}
}

// parseLiteral returns a value in GraphQL syntax, or nil if there is none.
func parseLiteral(text string) *ast.Value {
	if text == "" {
		return nil
	}
	doc, err := syntax.Query(&ast.Source{Input: "{f(a:" + text + ")}"}, 0)
	if err != nil {
		return nil
	}
	return doc.Operations[0].SelectionSet[0].(*ast.Field).Arguments[0].Value
}

// number returns the value of an argument. It returns false if it is missing or null.
func (e *evaluation) number(a *argument) (float64, bool) {
	if a.variable == "" {
		return a.constant, a.known
	}
	e.varying = true
	if raw := e.vars.Get(a.variable); raw != nil {
		return number(raw, a.path)
	}
	return a.constant, a.known
}

// length returns the number of items in a list argument.
func (e *evaluation) length(a *argument) float64 {
	if a.variable == "" {
		return a.constant
	}
	e.varying = true
	if raw := e.vars.Get(a.variable); raw != nil {
		return float64(items(raw))
	}
	return a.constant
}

// items returns the number of items in a JSON list. A single value counts as one, null as none.
func items(raw json.RawMessage) (n int) {
	i := jsonscan.Space(raw, 0)
	switch {
	case i >= len(raw) || raw[i] == 'n':
		return 0
	case raw[i] != '[':
		return 1
	}
	i = jsonscan.Space(raw, i+1)
	for more := i < len(raw) && raw[i] != ']'; more; n++ {
		if i = jsonscan.Value(raw, i); i < 0 {
			return n
		}
		i, more = jsonscan.Next(raw, i, ']')
	}
	return n
}

// number returns the numeric value at a path in a JSON value.
func number(raw json.RawMessage, path string) (float64, bool) {
	for path != "" {
		var name string
		name, path, _ = strings.Cut(path, ".")
		if raw = memberOf(raw, name); raw == nil {
			return 0, false
		}
	}
	return parseSize(string(raw))
}

// errFound ends the reading of an object.
var errFound = errors.New("found")

// memberOf returns the member of a JSON object, or nil.
func memberOf(raw json.RawMessage, name string) (found json.RawMessage) {
	r := jsonscan.NewReader(raw, jsonscan.MaxDepth)
	if r.Peek() != '{' {
		return nil
	}
	_ = r.Object(func(key []byte) error { // the values of variables have been read before
		value, err := r.Value()
		if err == nil && string(key) == name {
			found = value
			return errFound
		}
		return err
	})
	return found
}

// parseSize parses a number of items. A negative number counts as 0; the subgraph
// decides whether to reject it.
func parseSize(text string) (float64, bool) {
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(n) {
		return 0, false
	}
	return max(n, 0), true
}
