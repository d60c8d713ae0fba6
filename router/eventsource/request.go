package eventsource

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/execute"
	"souk/router/internal/syntax"
	"souk/router/supergraph"
)

// A request is a subscription as the planner sends it to a subgraph: one root field.
type request struct {
	stream    *stream
	key       string // the response key of the field
	selection ast.SelectionSet
	arguments map[string]any
	fragments ast.FragmentDefinitionList
}

// read reads the subscription in the body of a request to a subgraph. It returns nil if no
// event stream feeds it.
func (s *streams) read(r *execute.SubgraphRequest) (*request, error) {
	of := s.fields[r.Subgraph]
	if of == nil {
		return nil, nil
	}
	var body struct {
		Query     string          `json:"query"`
		Variables json.RawMessage `json:"variables"`
	}
	if err := json.Unmarshal(r.Body.B, &body); err != nil {
		return nil, fmt.Errorf("reading the subscription: %w", err)
	}
	doc, err := syntax.Query(&ast.Source{Input: body.Query}, 0)
	if err != nil {
		return nil, fmt.Errorf("reading the subscription: %w", err)
	}
	variables := map[string]any{}
	if len(body.Variables) > 0 && string(body.Variables) != "null" {
		v, err := decode(body.Variables)
		if err != nil {
			return nil, fmt.Errorf("reading the variables of the subscription: %w", err)
		}
		variables, _ = v.(map[string]any)
	}
	if len(doc.Operations) != 1 {
		return nil, errors.New("the subscription does not have one operation")
	}
	operation := doc.Operations[0]
	for _, d := range operation.VariableDefinitions {
		if _, given := variables[d.Variable]; !given && d.DefaultValue != nil {
			variables[d.Variable] = syntax.Value(d.DefaultValue, nil)
		}
	}
	out := &request{fragments: doc.Fragments}
	var field *ast.Field
	for _, sel := range operation.SelectionSet {
		if f, ok := sel.(*ast.Field); ok && f.Name != "__typename" {
			field = f
		}
	}
	if field == nil || of[field.Name] == nil {
		return nil, nil
	}
	out.stream, out.key, out.selection = of[field.Name], field.Alias, field.SelectionSet
	out.arguments = out.stream.argumentsOf(field, variables)
	return out, nil
}

// argumentsOf returns the values of a field's arguments. One that is not given is missing.
func (s *stream) argumentsOf(field *ast.Field, variables map[string]any) map[string]any {
	values := map[string]any{}
	for name, v := range s.defaults {
		values[name] = v
	}
	for _, a := range field.Arguments {
		if a.Value.Kind == ast.Variable {
			if v, given := variables[a.Value.Raw]; given {
				values[a.Name] = v
			}
			continue
		}
		values[a.Name] = syntax.Value(a.Value, variables)
	}
	return values
}

// typeOf returns the type of an object in an event, or an error if it cannot be told.
func (s *streams) typeOf(object map[string]any, static *supergraph.Type) (*supergraph.Type, error) {
	name, given := object["__typename"].(string)
	switch {
	case given:
		t := s.model.Type(name)
		if t == nil || t.Kind != supergraph.Object || !t.Is(static) && t != static {
			return nil, fmt.Errorf("has the __typename %.100q, which is not a type of %s", name, static.Name)
		}
		return t, nil
	case static.Kind == supergraph.Object:
		return static, nil
	}
	return nil, fmt.Errorf("has no __typename, which an event for the type %s needs", static.Name)
}
