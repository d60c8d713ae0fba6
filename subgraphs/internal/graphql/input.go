package graphql

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"souk/internal/constraint"
	"souk/subgraphs/internal/schema"
)

// maxText bounds every text in arguments, in characters. @constraint sets lower
// limits.
const maxText = 10_000

// inputs refuses arguments that the schema's @constraint directives do not
// allow, and text that Postgres cannot store or that is not text. A mutation
// whose result can be InvalidInput returns that; any other field is an error
// with the code BAD_USER_INPUT.
type inputs struct {
	schema *ast.Schema
	// limits of arguments and input fields, by their definitions.
	arguments map[*ast.ArgumentDefinition]*constraint.Limits
	fields    map[*ast.FieldDefinition]*constraint.Limits
}

func newInputs(s *ast.Schema) (*inputs, error) {
	in := &inputs{schema: s, arguments: map[*ast.ArgumentDefinition]*constraint.Limits{}, fields: map[*ast.FieldDefinition]*constraint.Limits{}}
	for _, definition := range s.Types {
		for _, field := range definition.Fields {
			limits, err := constraint.Of(field.Directives)
			if err != nil {
				return nil, fmt.Errorf("%s.%s: %w", definition.Name, field.Name, err)
			}
			in.fields[field] = limits
			for _, argument := range field.Arguments {
				limits, err := constraint.Of(argument.Directives)
				if err != nil {
					return nil, fmt.Errorf("%s.%s(%s:): %w", definition.Name, field.Name, argument.Name, err)
				}
				in.arguments[argument] = limits
			}
		}
	}
	return in, nil
}

// ExtensionName implements graphql.HandlerExtension.
func (*inputs) ExtensionName() string { return "inputs" }

// Validate implements graphql.HandlerExtension.
func (*inputs) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptField implements graphql.FieldInterceptor.
func (in *inputs) InterceptField(ctx context.Context, next graphql.Resolver) (any, error) {
	field := graphql.GetFieldContext(ctx).Field
	if len(field.Arguments) == 0 || field.Definition == nil {
		return next(ctx)
	}
	wrong := in.check(field.Field, graphql.GetOperationContext(ctx).Variables)
	if wrong.Err() == nil {
		return next(ctx)
	}
	if result := in.schema.Types[field.Definition.Type.Name()]; result != nil && result.Kind == ast.Union {
		for _, member := range result.Types {
			if member == "InvalidInput" {
				return wrong, nil
			}
		}
	}
	return nil, argumentError{wrong}
}

// check checks the arguments of a field.
func (in *inputs) check(field *ast.Field, variables map[string]any) *schema.InvalidInput {
	wrong := &schema.InvalidInput{}
	values := field.ArgumentMap(variables)
	for _, argument := range field.Definition.Arguments {
		value, given := values[argument.Name]
		if !given {
			continue
		}
		// Paths of typed errors go into the argument `input` when there is one.
		path := argument.Name
		if path == "input" {
			path = ""
		}
		in.value(wrong, path, value, argument.Type, in.arguments[argument])
	}
	return wrong
}

func (in *inputs) value(wrong *schema.InvalidInput, path string, value any, t *ast.Type, limits *constraint.Limits) {
	add := func(problem, hint string) {
		if problem != "" {
			wrong.Add(path, problem, hint)
		}
	}
	switch v := value.(type) {
	case nil:
		if limits != nil && limits.NotNull {
			add("must not be null", "a value, or leave it out")
		}
	case []any:
		add(limits.Items(len(v)))
		item := t.Elem
		if item == nil {
			item = t
		}
		for i, each := range v {
			in.value(wrong, join(path, strconv.Itoa(i)), each, item, limits)
		}
	case map[string]any:
		definition := in.schema.Types[t.Name()]
		if definition == nil || definition.Kind != ast.InputObject { // a representation
			for name, member := range v {
				in.value(wrong, join(path, name), member, t, nil)
			}
			return
		}
		for _, field := range definition.Fields {
			if member, given := v[field.Name]; given {
				in.value(wrong, join(path, field.Name), member, field.Type, in.fields[field])
			}
		}
	case string:
		if problem, hint := notText(v); problem != "" {
			add(problem, hint)
			return
		}
		add(limits.Text(v))
	case json.Number:
		add(limits.Number(v))
	case int, int64, float64:
		add(limits.Number(json.Number(fmt.Sprint(v))))
	}
}

// notText returns what makes a value unfit as text. U+FFFD is what JSON readers
// put in place of what is not UTF-8.
func notText(text string) (problem, hint string) {
	switch {
	case strings.ContainsRune(text, 0):
		return "contains the character U+0000", "text without it"
	case strings.ContainsRune(text, utf8.RuneError): // also what is not UTF-8
		return "contains text that is not UTF-8, or the character U+FFFD", "text in UTF-8"
	case len(text) > maxText && utf8.RuneCountInString(text) > maxText:
		return "is too long", fmt.Sprintf("at most %d characters", maxText)
	}
	return "", ""
}

func join(path, part string) string {
	if path == "" {
		return part
	}
	return path + "." + part
}

// argumentError is an invalid argument of a field without a typed error for it.
type argumentError struct{ *schema.InvalidInput }

// Code returns the value of extensions.code.
func (argumentError) Code() string { return "BAD_USER_INPUT" }

// Unwrap returns the invalid fields.
func (e argumentError) Unwrap() error { return e.InvalidInput }
