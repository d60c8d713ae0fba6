package introspect

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/operation"
)

// An Introspector resolves the introspection fields of one schema. It is safe
// for concurrent use.
type Introspector struct {
	schema *ast.Schema
	// list fills types and directives before the first answer, since most schemas are not introspected.
	list       sync.Once
	types      []*ast.Definition
	directives []*ast.DirectiveDefinition

	mu      sync.Mutex
	answers map[string]json.RawMessage
}

// maxAnswers bounds the number of cached values. Tools send the same few queries.
// When the cache is full, it is emptied.
const maxAnswers = 32

// New returns an Introspector for a schema.
func New(schema *operation.Schema) *Introspector {
	return &Introspector{schema: schema.Definitions(), answers: map[string]json.RawMessage{}}
}

// listTypes fills types and directives.
func (i *Introspector) listTypes() {
	s := i.schema
	used := usedTypes(s)
	for name, def := range s.Types {
		if !builtInScalar(name) || used[name] {
			i.types = append(i.types, def)
		}
	}
	slices.SortFunc(i.types, func(a, b *ast.Definition) int { return strings.Compare(a.Name, b.Name) })
	for _, d := range s.Directives {
		i.directives = append(i.directives, d)
	}
	slices.SortFunc(i.directives, func(a, b *ast.DirectiveDefinition) int { return strings.Compare(a.Name, b.Name) })
}

func builtInScalar(name string) bool {
	return slices.Contains([]string{"Int", "Float", "String", "Boolean", "ID"}, name)
}

// usedTypes returns the names of the types of fields and arguments. A built-in
// scalar that is not used is not part of the schema (GraphQL, section 3.5).
func usedTypes(s *ast.Schema) map[string]bool {
	used := map[string]bool{"String": true, "Boolean": true}
	arguments := func(list ast.ArgumentDefinitionList) {
		for _, a := range list {
			used[a.Type.Name()] = true
		}
	}
	for _, def := range s.Types {
		for _, f := range def.Fields {
			used[f.Type.Name()] = true
			arguments(f.Arguments)
		}
	}
	for _, d := range s.Directives {
		arguments(d.Arguments)
	}
	return used
}

// Answer returns the value of a __schema or __type field. Callers must not modify
// it. It returns an error for any other field.
func (i *Introspector) Answer(f *operation.Field, vars operation.Variables) (json.RawMessage, error) {
	key, constant := cacheKey(f)
	if constant {
		i.mu.Lock()
		answer := i.answers[key]
		i.mu.Unlock()
		if answer != nil {
			return answer, nil
		}
	}
	i.list.Do(i.listTypes)
	w := writer{Introspector: i, vars: vars}
	switch f.Name {
	case "__schema":
		w.schemaObject(f.Selections)
	case "__type":
		name := w.text(f, "name")
		// Search i.types, not the schema: unused built-in scalars are hidden.
		k := slices.IndexFunc(i.types, func(def *ast.Definition) bool { return def.Name == name })
		if k < 0 {
			w.null()
		} else {
			w.definition(i.types[k], f.Selections)
		}
	default:
		return nil, fmt.Errorf("%q is not an introspection field; expected __schema or __type", f.Name)
	}
	if constant {
		i.keep(key, w.out)
	}
	return w.out, nil
}

func (i *Introspector) keep(key string, answer json.RawMessage) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.answers) >= maxAnswers {
		clear(i.answers)
	}
	i.answers[key] = answer
}

// cacheKey returns the text of the field. constant is false if the value depends
// on variables and cannot be cached.
func cacheKey(f *operation.Field) (key string, constant bool) {
	if usesVariables(f) {
		return "", false
	}
	op := operation.Operation{Selections: []operation.Selection{f}}
	return op.Key(), true
}

func usesVariables(f *operation.Field) bool {
	for _, a := range f.Arguments {
		if len(a.Variables) > 0 {
			return true
		}
	}
	found := false
	fields(f.Selections, func(inner *operation.Field) { found = found || usesVariables(inner) })
	return found
}

// fields visits the fields of a selection set. All introspection types are object
// types, so every remaining fragment applies.
func fields(list []operation.Selection, visit func(*operation.Field)) {
	for _, sel := range list {
		switch sel := sel.(type) {
		case *operation.Field:
			visit(sel)
		case *operation.InlineFragment:
			fields(sel.Selections, visit)
		}
	}
}
