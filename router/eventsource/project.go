package eventsource

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/internal/jsonscan"
	"souk/router/supergraph"
)

// A projection makes GraphQL responses of events, as the subgraph would send them.
type projection struct {
	*streams
	*request
	out []byte
}

// response appends a response with the selected part of an event.
func (p *projection) response(out []byte, event any) ([]byte, error) {
	object, ok := event.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("is not a JSON object")
	}
	p.out = out
	p.out = append(p.out, `{"data":{`...)
	p.name(p.key)
	if err := p.object(object, p.stream.field.Named, p.selection); err != nil {
		return nil, err
	}
	return append(p.out, "}}"...), nil
}

func (p *projection) name(name string) {
	p.out = append(append(append(p.out, '"'), name...), `":`...)
}

// A selectedField has everything that is selected at one response key.
type selectedField struct {
	key, name string
	below     ast.SelectionSet
}

// collect returns the fields that are selected on an object type (GraphQL, section 6.3.2).
func (p *projection) collect(list []selectedField, t *supergraph.Type, set ast.SelectionSet) []selectedField {
	for _, sel := range set {
		switch sel := sel.(type) {
		case *ast.Field:
			i := 0
			for i < len(list) && list[i].key != sel.Alias {
				i++
			}
			if i == len(list) {
				list = append(list, selectedField{key: sel.Alias, name: sel.Name})
			}
			list[i].below = append(list[i].below[:len(list[i].below):len(list[i].below)], sel.SelectionSet...)
		case *ast.InlineFragment:
			if p.applies(t, sel.TypeCondition) {
				list = p.collect(list, t, sel.SelectionSet)
			}
		case *ast.FragmentSpread:
			if f := p.fragments.ForName(sel.Name); f != nil && p.applies(t, f.TypeCondition) {
				list = p.collect(list, t, f.SelectionSet)
			}
		}
	}
	return list
}

func (p *projection) applies(t *supergraph.Type, condition string) bool {
	if condition == "" || condition == t.Name {
		return true
	}
	c := p.model.Type(condition)
	return c != nil && t.Is(c)
}

func (p *projection) object(object map[string]any, static *supergraph.Type, set ast.SelectionSet) error {
	t, err := p.typeOf(object, static)
	if err != nil {
		return err
	}
	p.out = append(p.out, '{')
	for i, f := range p.collect(nil, t, set) {
		if i > 0 {
			p.out = append(p.out, ',')
		}
		p.name(f.key)
		if f.name == "__typename" {
			p.out = append(append(append(p.out, '"'), t.Name...), '"')
			continue
		}
		if err := p.value(object[f.name], t.Field(f.name), f.below); err != nil {
			return err
		}
	}
	p.out = append(p.out, '}')
	return nil
}

// value appends the value of a field. What is missing is null.
func (p *projection) value(v any, f *supergraph.Field, below ast.SelectionSet) error {
	switch v := v.(type) {
	case []any:
		if !strings.HasPrefix(f.Type, "[") {
			break // a list in a custom scalar
		}
		p.out = append(p.out, '[')
		for i, item := range v {
			if i > 0 {
				p.out = append(p.out, ',')
			}
			if err := p.value(item, f, below); err != nil {
				return err
			}
		}
		p.out = append(p.out, ']')
		return nil
	case map[string]any:
		if len(below) > 0 {
			return p.object(v, f.Named, below)
		}
	case json.Number:
		if f.Named.Name == "ID" { // the result of an ID is a string (GraphQL, section 3.5.5)
			p.out = append(append(append(p.out, '"'), v...), '"')
			return nil
		}
	}
	if len(below) > 0 { // not an object, although the field needs one
		v = nil
	}
	text, err := jsonscan.Marshal(v)
	if err != nil {
		return fmt.Errorf("cannot be written: %w", err)
	}
	p.out = append(p.out, text...)
	return nil
}
