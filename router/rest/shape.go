package rest

import (
	"slices"
	"strconv"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/internal/jsonscan"
)

// shape is the form of an object in a response: the fields of a selection set, with fragments
// merged.
type shape struct {
	definition *ast.Definition
	fields     []*fieldShape
	fragment   *ast.FragmentDefinition // set if the only selection is a named fragment
}

// fieldShape is the form of a field in a response.
type fieldShape struct {
	key        string // the response key, which is also the name of the member
	definition *ast.FieldDefinition
	on         *ast.Definition // the type the field is selected on
	unwrap     bool
	violations bool
	header     string
	integer    bool   // of type ID, written as an integer if its text is one
	object     *shape // nil for a scalar
}

func (s *shape) field(key string) *fieldShape {
	if s == nil {
		return nil
	}
	for _, f := range s.fields {
		if f.key == key {
			return f
		}
	}
	return nil
}

// shape compiles a selection set on a type.
func (c *compiler) shape(set ast.SelectionSet, on *ast.Definition) *shape {
	s := &shape{definition: on}
	if len(set) == 1 {
		if spread, ok := set[0].(*ast.FragmentSpread); ok {
			s.fragment = spread.Definition
		}
	}
	c.addSelections(s, set, on)
	return s
}

func (c *compiler) addSelections(s *shape, set ast.SelectionSet, on *ast.Definition) {
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			c.addField(s, selection, on)
		case *ast.InlineFragment:
			condition := on
			if selection.TypeCondition != "" {
				condition = c.schema.Types[selection.TypeCondition]
			}
			c.addSelections(s, selection.SelectionSet, condition)
		case *ast.FragmentSpread:
			c.addSelections(s, selection.Definition.SelectionSet, c.schema.Types[selection.Definition.TypeCondition])
		}
	}
}

func (c *compiler) addField(s *shape, field *ast.Field, on *ast.Definition) {
	f := &fieldShape{
		key:        field.Alias,
		definition: field.Definition,
		on:         on,
		unwrap:     field.Directives.ForName("unwrap") != nil,
		violations: field.Directives.ForName("violations") != nil,
		integer:    bool(c.ids) && field.Definition.Type.Name() == "ID",
	}
	if d := field.Directives.ForName("header"); d != nil {
		f.header = stringOf(d.ArgumentMap(nil)["name"])
	}
	if len(field.SelectionSet) > 0 {
		f.object = c.shape(field.SelectionSet, c.schema.Types[field.Definition.Type.Name()])
	}
	if f.unwrap && (f.object == nil || len(f.object.fields) != 1) {
		c.fail(field.Position, "@unwrap replaces an object with the value of its only field, but %s does not select exactly one field", f.key)
	}
	present := s.field(f.key)
	if present == nil {
		s.fields = append(s.fields, f)
		return
	}
	if present.unwrap != f.unwrap || present.violations != f.violations || present.header != f.header || present.integer != f.integer {
		c.fail(field.Position, "%s is selected twice in different ways; give one of them an alias", f.key)
	}
	if present.object == nil || f.object == nil {
		return
	}
	merged := &shape{definition: present.object.definition, fields: slices.Clone(present.object.fields)}
	for _, inner := range f.object.fields {
		if merged.field(inner.key) == nil {
			merged.fields = append(merged.fields, inner)
		}
	}
	present.object = merged
}

// write appends a value in its response form.
func (f *fieldShape) write(to []byte, v *jsonscan.Node) []byte {
	switch {
	case v.IsNull():
		return append(to, "null"...)
	case v.Kind == jsonscan.KindArray:
		to = append(to, '[')
		for i := range v.Items {
			if i > 0 {
				to = append(to, ',')
			}
			to = f.write(to, &v.Items[i])
		}
		return append(to, ']')
	case f.object != nil && f.unwrap:
		only := f.object.fields[0]
		inner, _ := v.Member(only.key)
		return only.write(to, inner)
	case f.object != nil:
		return f.object.write(to, v)
	case f.integer && v.Kind == jsonscan.KindString && isInteger(v.Text):
		return append(to, v.Text...)
	default:
		return append(to, v.Raw...)
	}
}

// write appends an object in its response form: the selected members, in the order of the
// graph's answer.
func (s *shape) write(to []byte, v *jsonscan.Node) []byte {
	if v.Kind != jsonscan.KindObject { // not an object, despite the selection set
		return append(to, v.Raw...)
	}
	to = append(to, '{')
	first := true
	for i := range v.Members {
		f := s.field(v.Members[i].Name)
		if f == nil || f.key == "__typename" || f.header != "" || f.violations {
			continue
		}
		if !first {
			to = append(to, ',')
		}
		first = false
		to = append(quote(to, f.key), ':')
		to = f.write(to, &v.Members[i].Value)
	}
	return append(to, '}')
}

// scalar returns the text of a member of v that is a scalar in the response. It returns "" if
// the member is missing or null.
func (s *shape) scalar(v *jsonscan.Node, key string) string {
	f := s.field(key)
	inner, _ := v.Member(key)
	for f != nil && f.unwrap && !inner.IsNull() {
		f = f.object.fields[0]
		inner, _ = inner.Member(f.key)
	}
	if f == nil || f.object != nil || inner.IsNull() {
		return ""
	}
	return inner.ScalarText()
}

// maxIntegerID is the largest ID that is written as a JSON integer: readers with
// float64 numbers keep all integers up to it exactly.
const maxIntegerID = 1 << 53

// isInteger reports whether the text of an ID can be written as a JSON integer without loss: it
// is in canonical form and at most maxIntegerID.
func isInteger(s string) bool {
	n, err := strconv.ParseInt(s, 10, 64)
	return err == nil && n >= 0 && n <= maxIntegerID && strconv.FormatInt(n, 10) == s
}
