package subgraph

import (
	"errors"
	"fmt"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"souk/router/compose/internal/schema"
	"souk/router/internal/syntax"
)

// parsed is a selection set or the reason why it does not parse.
type parsed struct {
	set ast.SelectionSet
	err error
}

// maxFieldSetTokens bounds a selection set in a directive.
const maxFieldSetTokens = 15_000

// ParseSelection parses a selection set, with or without braces.
func ParseSelection(text string) (ast.SelectionSet, error) {
	if !strings.HasPrefix(strings.TrimSpace(text), "{") {
		text = "{" + text + "}"
	}
	query, err := syntax.Query(&ast.Source{Input: text}, maxFieldSetTokens)
	switch {
	case err != nil:
		// The position is one in the text, which is in no file like that.
		if located := (*gqlerror.Error)(nil); errors.As(err, &located) {
			err = errors.New(located.Message)
		}
		return nil, fmt.Errorf("it is not a selection of fields: %w", err)
	case len(query.Operations) != 1 || len(query.Fragments) > 0:
		return nil, fmt.Errorf("it is not a selection of fields")
	}
	return query.Operations[0].SelectionSet, nil
}

// Selection parses a field set of the subgraph, each once.
func (s *Subgraph) Selection(text string) (ast.SelectionSet, error) {
	p, known := s.fieldSets[text]
	if !known {
		p.set, p.err = ParseSelection(text)
		if s.fieldSets == nil {
			s.fieldSets = map[string]parsed{}
		}
		s.fieldSets[text] = p
	}
	return p.set, p.err
}

// Typename is the field __typename, which every composite type has.
var Typename = func() *schema.Field {
	f := &schema.Field{Type: schema.ParseRef("String!")}
	f.Name = "__typename"
	return f
}()

// A Visitor is called for each field of a selection set, in order. An error ends the
// walk.
type Visitor func(parent *schema.Type, f *schema.Field) error

// Walk resolves the fields of a selection set. strict also checks what does not
// prevent that: arguments, aliases and missing subselections.
func Walk(types *schema.Schema, parent *schema.Type, set ast.SelectionSet, strict bool, visit Visitor) error {
	for _, selection := range set {
		var err error
		switch selection := selection.(type) {
		case *ast.Field:
			err = walkField(types, parent, selection, strict, visit)
		case *ast.InlineFragment:
			condition := parent
			if selection.TypeCondition != "" {
				condition = types.Type(selection.TypeCondition)
			}
			switch {
			case condition == nil:
				err = fmt.Errorf("the type %q of a fragment is not defined", selection.TypeCondition)
			case !condition.Composite():
				err = fmt.Errorf("the type %q of a fragment has no fields", selection.TypeCondition)
			default:
				err = Walk(types, condition, selection.SelectionSet, strict, visit)
			}
		default:
			err = fmt.Errorf("a named fragment cannot be used here")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func walkField(types *schema.Schema, parent *schema.Type, selection *ast.Field, strict bool, visit Visitor) error {
	f := FieldOf(parent, selection.Name)
	if f == nil {
		return unknownField{parent.Name, selection.Name}
	}
	if err := visit(parent, f); err != nil {
		return err
	}
	typ := types.Type(f.Type.Base())
	switch {
	case typ == nil:
		return fmt.Errorf("the type of field %q is not defined", f.Coordinate())
	case len(selection.SelectionSet) > 0 && !typ.Composite():
		return fmt.Errorf("field %q has type %s, which has no fields to select", f.Coordinate(), f.Type)
	case len(selection.SelectionSet) == 0 && typ.Composite() && strict:
		return fmt.Errorf("field %q has type %s, of which fields must be selected", f.Coordinate(), f.Type)
	}
	if typ.Composite() {
		if err := Walk(types, typ, selection.SelectionSet, strict, visit); err != nil {
			return err
		}
	}
	return checkArguments(types, f, selection, strict)
}

// FieldOf returns the field of a composite type, or nil.
func FieldOf(parent *schema.Type, name string) *schema.Field {
	if name == Typename.Name {
		return Typename
	}
	if parent.Kind == schema.Union {
		return nil
	}
	return parent.Field(name)
}

// unknownField is the error that a type has no such field.
type unknownField struct{ typ, field string }

func (e unknownField) Error() string { return fmt.Sprintf("type %q has no field %q", e.typ, e.field) }

// An UnknownArgument is the error that a field has no such argument.
type UnknownArgument struct{ Field, Argument string }

func (e UnknownArgument) Error() string {
	return fmt.Sprintf("field %q has no argument %q", e.Field, e.Argument)
}

// A MissingArgument is the error that a required argument is not given.
type MissingArgument struct{ Field, Argument string }

func (e MissingArgument) Error() string {
	return fmt.Sprintf("field %q requires the argument %q", e.Field, e.Argument)
}

func checkArguments(types *schema.Schema, f *schema.Field, selection *ast.Field, strict bool) error {
	for _, a := range selection.Arguments {
		argument := f.Argument(a.Name)
		if argument == nil {
			return UnknownArgument{f.Coordinate(), a.Name}
		}
		if !valid(value(a.Value), argument.Type, types) {
			return fmt.Errorf("the argument %q of field %q must have type %s", a.Name, f.Coordinate(), argument.Type)
		}
	}
	if !strict {
		return nil
	}
	if selection.Alias != selection.Name {
		return fmt.Errorf("the field %q has the alias %q; aliases cannot be used here", selection.Name, selection.Alias)
	}
	for _, argument := range f.Arguments {
		if argument.Required() && selection.Arguments.ForName(argument.Name) == nil {
			return MissingArgument{f.Coordinate(), argument.Name}
		}
	}
	return nil
}

// targets returns the fields that a field set selects, as far as it is valid. With
// implementations, the fields of an interface include those of its implementations.
func (s *Subgraph) targets(parent *schema.Type, d *schema.Directive, implementations bool) []*schema.Field {
	fields := d.Argument("fields")
	if fields == nil || fields.Kind != schema.StringValue {
		return nil
	}
	return s.targetsOf(parent, fields.Raw, implementations)
}

func (s *Subgraph) targetsOf(parent *schema.Type, text string, implementations bool) []*schema.Field {
	set, err := s.Selection(text)
	if err != nil {
		return nil
	}
	var all []*schema.Field
	_ = Walk(s.Schema, parent, set, false, func(t *schema.Type, f *schema.Field) error { // the valid part is wanted
		if f == Typename {
			return nil
		}
		all = append(all, f)
		if implementations && t.Kind == schema.Interface {
			for _, object := range s.Schema.Possible(t) {
				if field := object.Field(f.Name); field != nil {
					all = append(all, field)
				}
			}
		}
		return nil
	})
	return all
}
