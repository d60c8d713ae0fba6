package usage

import (
	"slices"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/internal/syntax"
	"souk/router/operation"
)

// A Schema finds the elements that operations use. It is safe for concurrent use.
type Schema struct {
	schema *ast.Schema
	all    bool
	// deprecated has the deprecated elements by coordinate.
	deprecated map[string]Dates
	// reaches has the input types and enums whose values may use an element that counts.
	reaches map[string]bool
}

// NewSchema returns a Schema for an API schema. If all is false, only deprecated elements
// count. dates replace those in the reasons of @deprecated. It calls pause after each type.
func NewSchema(schema *ast.Schema, all bool, dates map[string]Dates, pause func()) *Schema {
	s := &Schema{schema: schema, all: all, deprecated: map[string]Dates{}, reaches: map[string]bool{}}
	note := func(d *ast.Directive, coordinate string) {
		reason := ""
		if a := d.Arguments.ForName("reason"); a != nil {
			reason = a.Value.Raw
		}
		found := parseDates(reason)
		if given, ok := dates[coordinate]; ok {
			found = given
		}
		s.deprecated[coordinate] = found
	}
	for _, t := range schema.Types {
		pause()
		for _, f := range t.Fields {
			if d := f.Directives.ForName("deprecated"); d != nil {
				note(d, t.Name+"."+f.Name)
			}
			for _, a := range f.Arguments {
				if d := a.Directives.ForName("deprecated"); d != nil {
					note(d, argument(t.Name, f.Name, a.Name))
				}
			}
		}
		for _, v := range t.EnumValues {
			if d := v.Directives.ForName("deprecated"); d != nil {
				note(d, t.Name+"."+v.Name)
			}
		}
	}
	for changed := true; changed; {
		changed = false
		for name, t := range schema.Types {
			pause()
			if !s.reaches[name] && s.reachesNow(t) {
				s.reaches[name], changed = true, true
			}
		}
	}
	return s
}

// reachesNow reports whether the values of a type may use an element that counts, as far as is
// known.
func (s *Schema) reachesNow(t *ast.Definition) bool {
	switch t.Kind {
	case ast.Enum:
		return slices.ContainsFunc(t.EnumValues, func(v *ast.EnumValueDefinition) bool { return s.counts(t.Name + "." + v.Name) })
	case ast.InputObject:
		return slices.ContainsFunc(t.Fields, func(f *ast.FieldDefinition) bool {
			return s.counts(t.Name+"."+f.Name) || s.reaches[f.Type.Name()]
		})
	}
	return false
}

func (s *Schema) counts(coordinate string) bool {
	_, deprecated := s.deprecated[coordinate]
	return s.all || deprecated
}

// Dates returns the dates of an element. It reports false if the element is not deprecated.
func (s *Schema) Dates(coordinate string) (Dates, bool) {
	d, ok := s.deprecated[coordinate]
	return d, ok
}

func argument(typ, field, name string) string { return typ + "." + field + "(" + name + ":)" }

// Elements are the elements that an operation uses, whatever the values of its variables. They
// do not change.
type Elements struct {
	schema *Schema
	// Coordinates are those of the elements, sorted, and Deprecated those that are deprecated.
	Coordinates, Deprecated []string
	inputs                  []input
}

// An input is a variable whose values may use an element that counts.
type input struct {
	name string
	typ  *ast.Definition
}

// Of returns the elements that an operation uses, or nil if none of them counts.
func (s *Schema) Of(op *operation.Operation) *Elements {
	if !s.all && len(s.deprecated) == 0 {
		return nil
	}
	w := walker{schema: s, found: map[string]bool{}}
	w.selections(s.root(op.Kind), op.Selections)
	for _, v := range op.Variables {
		if v.Default != "" { // it must stay valid even if all requests send a value
			w.literal(s.named(v.Type), v.Default)
		}
	}
	e := &Elements{schema: s}
	for coordinate := range w.found {
		e.Coordinates = append(e.Coordinates, coordinate)
		if _, ok := s.deprecated[coordinate]; ok {
			e.Deprecated = append(e.Deprecated, coordinate)
		}
	}
	slices.Sort(e.Coordinates)
	slices.Sort(e.Deprecated)
	for _, v := range op.Variables {
		if t := s.named(v.Type); t != nil && s.reaches[t.Name] {
			e.inputs = append(e.inputs, input{v.Name, t})
		}
	}
	if len(e.Coordinates) == 0 && len(e.inputs) == 0 {
		return nil
	}
	return e
}

func (s *Schema) root(kind operation.Kind) *ast.Definition {
	switch kind {
	case operation.Mutation:
		return s.schema.Mutation
	case operation.Subscription:
		return s.schema.Subscription
	}
	return s.schema.Query
}

// named returns the definition of the innermost type of a type in GraphQL syntax.
func (s *Schema) named(text string) *ast.Definition {
	name := make([]byte, 0, len(text))
	for i := range len(text) {
		if c := text[i]; c != '[' && c != ']' && c != '!' {
			name = append(name, c)
		}
	}
	return s.schema.Types[string(name)]
}

// A walker collects elements.
type walker struct {
	schema *Schema
	found  map[string]bool
}

func (w *walker) add(coordinate string) {
	if w.schema.counts(coordinate) {
		w.found[coordinate] = true
	}
}

func (w *walker) selections(t *ast.Definition, list []operation.Selection) {
	for _, sel := range list {
		switch sel := sel.(type) {
		case *operation.InlineFragment:
			on := t
			if sel.TypeCondition != "" {
				on = w.schema.schema.Types[sel.TypeCondition]
			}
			w.selections(on, sel.Selections)
		case *operation.Field:
			if t == nil {
				continue
			}
			f := t.Fields.ForName(sel.Name)
			if f == nil || len(f.Name) > 1 && f.Name[:2] == "__" {
				continue // introspection
			}
			w.add(t.Name + "." + f.Name)
			for _, a := range sel.Arguments {
				w.argument(t, f, a)
			}
			w.selections(w.schema.schema.Types[f.Type.Name()], sel.Selections)
		}
	}
}

func (w *walker) argument(t *ast.Definition, f *ast.FieldDefinition, a operation.Argument) {
	defined := f.Arguments.ForName(a.Name)
	if defined == nil {
		return
	}
	w.add(argument(t.Name, f.Name, a.Name))
	w.literal(w.schema.schema.Types[defined.Type.Name()], a.Value)
}

// literal adds what the text of a value of an input type uses.
func (w *walker) literal(t *ast.Definition, text string) {
	if t == nil || !w.schema.reaches[t.Name] {
		return
	}
	// The operation is valid, so that this value is, too.
	parsed, err := syntax.Query(&ast.Source{Input: "{a(a:" + text + ")}"}, 0)
	if err != nil {
		return
	}
	if field, ok := parsed.Operations[0].SelectionSet[0].(*ast.Field); ok {
		w.value(t, field.Arguments[0].Value)
	}
}

// value adds what a literal value of an input type uses.
func (w *walker) value(t *ast.Definition, v *ast.Value) {
	switch v.Kind {
	case ast.ListValue:
		for _, item := range v.Children {
			w.value(t, item.Value)
		}
	case ast.EnumValue:
		w.add(t.Name + "." + v.Raw)
	case ast.ObjectValue:
		for _, member := range v.Children {
			f := t.Fields.ForName(member.Name)
			if f == nil {
				continue
			}
			w.add(t.Name + "." + f.Name)
			if inner := w.schema.schema.Types[f.Type.Name()]; inner != nil {
				w.value(inner, member.Value)
			}
		}
	}
}
