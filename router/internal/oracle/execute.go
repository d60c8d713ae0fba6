package oracle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
)

// A resolver returns the value of a field: nil, a bool, a number, a string, a []any of
// values, or an *object.
type resolver func(parent *object, field *ast.Field, args map[string]any) (any, error)

// An object is a value of an object type.
type object struct {
	typename string
	id       string
	// provided are the fields below the object that the subgraph resolves here
	// although they are external.
	provided ast.SelectionSet
	// representation is the representation sent by the router, for an entity.
	representation map[string]any
	// above is the enclosing object in the response of the monolith.
	above *object
}

// A Result is a response: its data as JSON, with fields in the order of the operation, and
// its errors.
type Result struct {
	Data   json.RawMessage
	Errors []FieldError
	// RequiredFaults is the number of resolved fields that required (@requires) a
	// field with an error.
	RequiredFaults int
}

// A FieldError is a field error of a response.
type FieldError struct {
	Message string `json:"message"`
	Path    []any  `json:"path"`
}

// An execution executes one operation (GraphQL, section 6).
type execution struct {
	schema    *ast.Schema
	document  *ast.QueryDocument
	variables map[string]any
	resolve   resolver
	errors    []FieldError
	// requiredFaults is incremented by the resolver.
	requiredFaults int
}

// run executes the document's only operation.
func (e *execution) run() Result {
	operation := e.document.Operations[0]
	root := e.schema.Query
	if operation.Operation == ast.Mutation {
		root = e.schema.Mutation
	}
	var out bytes.Buffer
	if !e.selection(&out, &object{typename: root.Name}, []ast.SelectionSet{operation.SelectionSet}, nil) {
		out.Reset()
		out.WriteString("null")
	}
	return Result{Data: out.Bytes(), Errors: e.errors, RequiredFaults: e.requiredFaults}
}

// A group has the fields with one response key.
type group struct {
	key    string
	fields []*ast.Field
}

// selection writes an object. It returns false if the object is null because one of its
// non-null fields is null.
func (e *execution) selection(out *bytes.Buffer, obj *object, sets []ast.SelectionSet, path []any) bool {
	var groups []*group
	for _, set := range sets {
		groups = e.collect(groups, obj.typename, set)
	}
	definition := e.schema.Types[obj.typename]
	out.WriteByte('{')
	for i, g := range groups {
		if i > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(out, "%q:", g.key)
		field := g.fields[0]
		at := append(slices.Clip(path), g.key)
		if field.Name == "__typename" {
			fmt.Fprintf(out, "%q", obj.typename)
			continue
		}
		declared := definition.Fields.ForName(field.Name)
		value, err := e.resolve(obj, field, field.ArgumentMap(e.variables))
		if err != nil {
			e.errors = append(e.errors, FieldError{Message: err.Error(), Path: at})
			value = nil
		}
		if !e.complete(out, declared.Type, value, g.fields, at, err != nil) {
			return false
		}
	}
	out.WriteByte('}')
	return true
}

func (e *execution) collect(groups []*group, typename string, set ast.SelectionSet) []*group {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			if e.included(s.Directives) {
				groups = appendField(groups, s)
			}
		case *ast.InlineFragment:
			if e.included(s.Directives) && e.applies(typename, s.TypeCondition) {
				groups = e.collect(groups, typename, s.SelectionSet)
			}
		case *ast.FragmentSpread:
			fragment := e.document.Fragments.ForName(s.Name)
			if e.included(s.Directives) && e.applies(typename, fragment.TypeCondition) {
				groups = e.collect(groups, typename, fragment.SelectionSet)
			}
		}
	}
	return groups
}

func appendField(groups []*group, field *ast.Field) []*group {
	for _, g := range groups {
		if g.key == field.Alias {
			g.fields = append(g.fields, field)
			return groups
		}
	}
	return append(groups, &group{key: field.Alias, fields: []*ast.Field{field}})
}

func (e *execution) included(directives ast.DirectiveList) bool {
	if d := directives.ForName("skip"); d != nil && d.ArgumentMap(e.variables)["if"] == true {
		return false
	}
	d := directives.ForName("include")
	return d == nil || d.ArgumentMap(e.variables)["if"] == true
}

func (e *execution) applies(typename, condition string) bool {
	if condition == "" || condition == typename {
		return true
	}
	for _, possible := range e.schema.PossibleTypes[condition] {
		if possible.Name == typename {
			return true
		}
	}
	return false
}

// complete writes a value of a type. It returns false if the value is null but the type is
// not nullable.
func (e *execution) complete(out *bytes.Buffer, t *ast.Type, value any, fields []*ast.Field, path []any, reported bool) bool {
	mark := out.Len()
	if e.completeNullable(out, t, value, fields, path) {
		return true
	}
	out.Truncate(mark)
	if !t.NonNull {
		out.WriteString("null")
		return true
	}
	if value == nil && !reported {
		e.errors = append(e.errors, FieldError{Message: "null for a non-null type", Path: path})
	}
	return false
}

// completeNullable writes a value. It returns false if the value is null.
func (e *execution) completeNullable(out *bytes.Buffer, t *ast.Type, value any, fields []*ast.Field, path []any) bool {
	if value == nil {
		return false
	}
	if t.Elem != nil {
		out.WriteByte('[')
		for i, item := range value.([]any) {
			if i > 0 {
				out.WriteByte(',')
			}
			if !e.complete(out, t.Elem, item, fields, append(path[:len(path):len(path)], i), false) {
				return false
			}
		}
		out.WriteByte(']')
		return true
	}
	if obj, ok := value.(*object); ok {
		sets := make([]ast.SelectionSet, len(fields))
		for i, field := range fields {
			sets[i] = field.SelectionSet
		}
		return e.selection(out, obj, sets, path)
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		panic(err) // all values can be marshaled
	}
	out.Write(encoded)
	return true
}
