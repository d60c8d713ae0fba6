package mcp

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/core"
)

// unknownArguments returns what is wrong with arguments that a tool does not have, or "". GraphQL
// ignores variables that an operation does not define: a misspelt one would have its default.
// Fields of input objects are checked with the variables.
func unknownArguments(input *jsonschema.Schema, arguments json.RawMessage) string {
	var given map[string]json.RawMessage
	if json.Unmarshal(arguments, &given) != nil {
		return "" // the gateway says that they are no object
	}
	var problems []string
	for name := range given {
		if _, known := input.Properties[name]; known {
			continue
		}
		problem := fmt.Sprintf("This tool has no argument %q.", name)
		if near := core.SuggestionList(name, input.PropertyOrder); len(near) > 0 {
			problem += " Did you mean " + core.QuotedOrList(near...) + "?"
		} else if len(input.PropertyOrder) > 0 {
			problem += " It has " + strings.Join(input.PropertyOrder, ", ") + "."
		}
		problems = append(problems, problem)
	}
	slices.Sort(problems)
	return strings.Join(problems, "\n")
}

// upload returns a variable of an operation whose values are files, or have them. scalars are the
// types of files.
func upload(schema *ast.Schema, op *ast.OperationDefinition, scalars []string) (variable string, has bool) {
	seen := map[string]bool{}
	var within func(t *ast.Type) bool
	within = func(t *ast.Type) bool {
		name := t.Name()
		if slices.Contains(scalars, name) {
			return true
		}
		of := schema.Types[name]
		if seen[name] || of == nil || of.Kind != ast.InputObject {
			return false
		}
		seen[name] = true
		return slices.ContainsFunc(of.Fields, func(f *ast.FieldDefinition) bool { return within(f.Type) })
	}
	for _, v := range op.VariableDefinitions {
		if clear(seen); within(v.Type) {
			return "$" + v.Variable, true
		}
	}
	return "", false
}
