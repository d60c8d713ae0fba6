package supergraph

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/internal/syntax"
	"souk/router/operation"
)

// fieldSet parses a field set and checks it against the type it applies to.
func (r *reader) fieldSet(text string, on *Type) (*FieldSet, error) {
	set, err := r.parseFieldSet(text)
	if err != nil {
		return nil, err
	}
	selections, err := r.fieldSelections(set, on, true)
	if err != nil {
		return nil, fmt.Errorf("in the field set %q: %w", text, err)
	}
	return r.common.set(&FieldSet{Text: text, Selections: selections}), nil
}

// parseFieldSet parses a field set, once for all types that have it.
func (r *reader) parseFieldSet(text string) (ast.SelectionSet, error) {
	if set, parsed := r.fieldSets[text]; parsed {
		return set, nil
	}
	source := text
	if !strings.HasPrefix(strings.TrimSpace(text), "{") { // the braces are optional
		source = "{" + text + "}"
	}
	doc, err := syntax.Query(&ast.Source{Input: source}, 0)
	if err != nil || len(doc.Operations) != 1 {
		return nil, fmt.Errorf("%q is not a field set", text)
	}
	r.fieldSets[text] = doc.Operations[0].SelectionSet
	return r.fieldSets[text], nil
}

// fieldSelections converts the selections on a type. It omits the __typename of
// the entity itself (top), which every representation has anyway. A __typename
// further down is a field like any other.
func (r *reader) fieldSelections(set ast.SelectionSet, on *Type, top bool) ([]operation.Selection, error) {
	var list []operation.Selection
	for _, sel := range set {
		switch sel := sel.(type) {
		case *ast.Field:
			if sel.Alias != sel.Name {
				return nil, fmt.Errorf("a field set must not use aliases: %s", sel.Alias)
			}
			if sel.Name == "__typename" {
				if !top {
					list = append(list, &operation.Field{Alias: sel.Name, Name: sel.Name})
				}
				continue
			}
			f := on.Field(sel.Name)
			if f == nil {
				return nil, fmt.Errorf("%s has no field %s", on.Name, sel.Name)
			}
			if f.Named.Composite() != (len(sel.SelectionSet) > 0) {
				return nil, fmt.Errorf("%s.%s has the type %s: composite types need a selection set and leaf types must not have one", on.Name, sel.Name, f.Type)
			}
			below, err := r.fieldSelections(sel.SelectionSet, f.Named, false)
			if err != nil {
				return nil, err
			}
			field := &operation.Field{Alias: sel.Name, Name: sel.Name, Selections: below}
			for _, a := range sel.Arguments {
				field.Arguments = append(field.Arguments, operation.Argument{Name: a.Name, Value: literal(a.Value)})
			}
			list = append(list, field)
		case *ast.InlineFragment:
			condition := on
			if sel.TypeCondition != "" {
				if condition = r.types[sel.TypeCondition]; condition == nil || !condition.Composite() {
					return nil, fmt.Errorf("%s is not an object, interface or union type", sel.TypeCondition)
				}
			}
			below, err := r.fieldSelections(sel.SelectionSet, condition, top)
			if err != nil {
				return nil, err
			}
			if len(below) == 0 {
				continue // it had only the __typename of the entity
			}
			list = append(list, &operation.InlineFragment{TypeCondition: condition.Name, Selections: below})
		default:
			return nil, fmt.Errorf("a field set must not use named fragments")
		}
	}
	return list, nil
}

// literal prints a constant value in the canonical form of operation.Argument.
func literal(v *ast.Value) string {
	switch v.Kind {
	case ast.ListValue:
		items := make([]string, len(v.Children))
		for i, c := range v.Children {
			items[i] = literal(c.Value)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case ast.ObjectValue:
		items := make([]string, len(v.Children))
		for i, c := range v.Children {
			items[i] = c.Name + ": " + literal(c.Value)
		}
		slices.Sort(items)
		return "{" + strings.Join(items, ", ") + "}"
	}
	return v.String()
}
