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

// An Introspector answers introspection fields of one schema. It is safe for
// use by many goroutines.
type Introspector struct {
	schema     *ast.Schema
	types      []*ast.Definition
	directives []*ast.DirectiveDefinition

	mu      sync.Mutex
	answers map[string]json.RawMessage
}

// maxAnswers bounds the answers kept. Tools ask the same few questions.
const maxAnswers = 32

// New prepares answers about a schema.
func New(schema *operation.Schema) *Introspector {
	s := schema.Definitions()
	i := &Introspector{schema: s, answers: map[string]json.RawMessage{}}
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
	return i
}

func builtInScalar(name string) bool {
	return slices.Contains([]string{"Int", "Float", "String", "Boolean", "ID"}, name)
}

// usedTypes are the types some field or argument has: a built-in scalar that
// is not among them is no part of the schema (spec, section 3.5).
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

// Answer gives the value of a __schema or __type field. The result must not
// be changed. An error means that the field is not one of these two.
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
	w := writer{Introspector: i, vars: vars}
	switch f.Name {
	case "__schema":
		w.schemaObject(f.Selections)
	case "__type":
		name := w.text(f, "name")
		// What introspection hides from the list is hidden here, too.
		k := slices.IndexFunc(i.types, func(def *ast.Definition) bool { return def.Name == name })
		if k < 0 {
			w.null()
		} else {
			w.definition(i.types[k], f.Selections)
		}
	default:
		return nil, fmt.Errorf("introspection has no field %q; it has __schema and __type", f.Name)
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

// cacheKey names the question, if no variable has a part in it.
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

// fields visits the fields of a selection set. All types of introspection are
// object types, so a fragment that is still there applies.
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
