package syntax

import (
	"encoding/json"

	"github.com/vektah/gqlparser/v2/ast"
)

// Value returns the value of a literal as encoding/json decodes it with UseNumber: the text of a number is
// kept, whatever its size. Variables are in their places; a field of an object is left out if it has one
// that is not given.
func Value(v *ast.Value, variables map[string]any) any {
	switch v.Kind {
	case ast.Variable:
		return variables[v.Raw]
	case ast.IntValue, ast.FloatValue:
		return json.Number(v.Raw)
	case ast.BooleanValue:
		return v.Raw == "true"
	case ast.NullValue:
		return nil
	case ast.ListValue:
		items := make([]any, len(v.Children))
		for i, c := range v.Children {
			items[i] = Value(c.Value, variables)
		}
		return items
	case ast.ObjectValue:
		object := make(map[string]any, len(v.Children))
		for _, c := range v.Children {
			if _, given := variables[c.Value.Raw]; given || c.Value.Kind != ast.Variable {
				object[c.Name] = Value(c.Value, variables)
			}
		}
		return object
	default: // strings and enums
		return v.Raw
	}
}
