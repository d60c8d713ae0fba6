package main

import (
	"encoding/json"
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// maxTokens bounds the operations that the subgraphs get.
const maxTokens = 100_000

// A graphQLRequest is the body of a request.
type graphQLRequest struct {
	Query     string         `json:"query"`
	Variables map[string]any `json:"variables,omitempty"`
}

// answer executes a request to a subgraph (GraphQL, section 6). The operation is valid: the router
// made it.
func (w *world) answer(body []byte) ([]byte, error) {
	var request graphQLRequest
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, fmt.Errorf("reading a request: %w", err)
	}
	document, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: request.Query}, maxTokens)
	if err != nil {
		return nil, fmt.Errorf("parsing the operation of a request: %w", err)
	}
	if len(document.Operations) != 1 {
		return nil, fmt.Errorf("a request has %d operations instead of one", len(document.Operations))
	}
	e := execution{world: w, document: document, variables: request.Variables}
	data, err := e.object(w.root, document.Operations[0].SelectionSet)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"data": data})
}

// An execution executes one operation.
type execution struct {
	world     *world
	document  *ast.QueryDocument
	variables map[string]any
}

// A member is a field of a response object. The fields keep the order of the operation, as the
// specification demands, so that a router need not search for them.
type member struct {
	key   string
	value any
}

type members []member

// MarshalJSON implements json.Marshaler.
func (list members) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, m := range list {
		if i > 0 {
			out = append(out, ',')
		}
		key, err := json.Marshal(m.key)
		if err != nil {
			return nil, fmt.Errorf("writing a response: %w", err)
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, fmt.Errorf("writing a response: %w", err)
		}
		out = append(append(append(out, key...), ':'), value...)
	}
	return append(out, '}'), nil
}

func (e *execution) object(r *record, sets ...ast.SelectionSet) (any, error) {
	var keys []string
	fields := map[string][]*ast.Field{}
	for _, set := range sets {
		keys = e.collect(keys, fields, r.typename, set)
	}
	out := make(members, len(keys))
	for i, key := range keys {
		value, err := e.field(r, fields[key])
		if err != nil {
			return nil, err
		}
		out[i] = member{key, value}
	}
	return out, nil
}

// collect adds the fields of a selection set that apply to a type, by their response keys.
func (e *execution) collect(keys []string, fields map[string][]*ast.Field, typename string, set ast.SelectionSet) []string {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			if fields[s.Alias] == nil {
				keys = append(keys, s.Alias)
			}
			fields[s.Alias] = append(fields[s.Alias], s)
		case *ast.InlineFragment:
			if s.TypeCondition == "" || s.TypeCondition == typename {
				keys = e.collect(keys, fields, typename, s.SelectionSet)
			}
		case *ast.FragmentSpread:
			if f := e.document.Fragments.ForName(s.Name); f != nil && f.TypeCondition == typename {
				keys = e.collect(keys, fields, typename, f.SelectionSet)
			}
		}
	}
	return keys
}

func (e *execution) field(r *record, same []*ast.Field) (any, error) {
	field := same[0]
	var value any
	switch field.Name {
	case "__typename":
		return r.typename, nil
	case "_entities":
		found, err := e.entities(field)
		if err != nil {
			return nil, err
		}
		value = found
	default:
		known, ok := r.fields[field.Name]
		if !ok {
			return nil, fmt.Errorf("this subgraph has no %s.%s", r.typename, field.Name)
		}
		if resolve, computed := known.(resolver); computed {
			arguments, err := e.arguments(field)
			if err != nil {
				return nil, err
			}
			known = resolve(arguments)
		}
		value = known
	}
	return e.complete(value, same)
}

// complete selects from a value.
func (e *execution) complete(value any, same []*ast.Field) (any, error) {
	switch v := value.(type) {
	case *record:
		if v == nil {
			return nil, nil
		}
		sets := make([]ast.SelectionSet, len(same))
		for i, f := range same {
			sets[i] = f.SelectionSet
		}
		return e.object(v, sets...)
	case []*record:
		list := make([]any, len(v))
		for i := range v {
			var err error
			if list[i], err = e.complete(v[i], same); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	return value, nil
}

func (e *execution) entities(field *ast.Field) ([]*record, error) {
	arguments, err := e.arguments(field)
	if err != nil {
		return nil, err
	}
	list, _ := arguments["representations"].([]any)
	found := make([]*record, len(list))
	for i, item := range list {
		representation, _ := item.(map[string]any)
		name, _ := representation["__typename"].(string)
		resolve := e.world.entities[name]
		if resolve == nil {
			return nil, fmt.Errorf("this subgraph has no entities of type %q", name)
		}
		found[i] = resolve(representation)
	}
	return found, nil
}

func (e *execution) arguments(field *ast.Field) (map[string]any, error) {
	out := map[string]any{}
	for _, a := range field.Arguments {
		if a.Value.Kind == ast.Variable {
			if _, given := e.variables[a.Value.Raw]; !given {
				continue
			}
		}
		value, err := a.Value.Value(e.variables)
		if err != nil {
			return nil, fmt.Errorf("reading the argument %s of %s: %w", a.Name, field.Name, err)
		}
		out[a.Name] = value
	}
	return out, nil
}
