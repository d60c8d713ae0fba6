package mock

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/internal/syntax"
)

// The lengths of lists, unless an argument such as first says another one.
const (
	rootItems  = 5
	otherItems = 3
)

// An execution executes one operation (GraphQL, section 6) and writes its data.
type execution struct {
	*Subgraph
	fragments ast.FragmentDefinitionList
	variables map[string]any
	out       bytes.Buffer
	objects   int
	depth     int
	// event is the number of an event, from 0. It is 0 for queries and mutations.
	event uint64
	path  []any
	// refused are the errors of fields that are null.
	refused []*refusal
}

// maxDepth bounds the nesting of objects: fragments may refer to each other.
const maxDepth = 500

// A group has the fields with one response key.
type group struct {
	key    string
	fields []*ast.Field
}

func (e *execution) object(o *object, sets []ast.SelectionSet) error {
	e.objects++
	if e.depth++; e.depth > maxDepth || e.objects > 10*maxObjects {
		return errors.New("the operation is too large")
	}
	defer func() { e.depth-- }()
	var groups []*group
	visited := map[string]bool{}
	for _, set := range sets {
		groups = e.collect(groups, o.typename, set, visited)
	}
	e.out.WriteByte('{')
	for i, g := range groups {
		if i > 0 {
			e.out.WriteByte(',')
		}
		e.write(g.key)
		e.out.WriteByte(':')
		if err := e.within(g.key, e.isNullable(o.typename, g.fields[0].Name), func() error { return e.field(o, g.fields) }); err != nil {
			return err
		}
	}
	e.out.WriteByte('}')
	return nil
}

func (e *execution) field(o *object, fields []*ast.Field) error {
	field := fields[0]
	sets := make([]ast.SelectionSet, len(fields))
	for i, f := range fields {
		sets[i] = f.SelectionSet
	}
	arguments := e.arguments(o, field)
	switch root := o.typename == e.schema.roots[ast.Query]; {
	case field.Name == "__typename":
		e.write(o.typename)
		return nil
	case root && field.Name == "_service":
		return e.object(&object{typename: "_Service", given: map[string]any{"sdl": e.schema.sdl}}, sets)
	case root && field.Name == "_entities":
		return e.entities(arguments["representations"].value, sets)
	case o.typename == "_Service":
		e.write(o.given[field.Name])
		return nil
	}
	d := e.schema.types[o.typename]
	if d == nil || d.fields[field.Name] == nil {
		return fmt.Errorf("the schema does not define the field %s.%s", o.typename, field.Name)
	}
	if given, ok := o.given[field.Name]; ok && given != nil {
		return e.given(given, d.fields[field.Name].Type, sets)
	}
	if err := e.checkPaging(arguments, d.fields[field.Name].Type); err != nil {
		return err
	}
	if o.page != nil {
		if done, err := e.paged(o, field.Name, d.fields[field.Name].Type, sets); done {
			return err
		}
	}
	return e.value(position{o, field.Name, 0, arguments}, d.fields[field.Name].Type, sets)
}

func (e *execution) entities(list any, sets []ast.SelectionSet) error {
	representations, ok := list.([]any)
	if !ok {
		return errors.New("_entities has no list of representations")
	}
	e.out.WriteByte('[')
	for i, each := range representations {
		if i > 0 {
			e.out.WriteByte(',')
		}
		representation, ok := each.(map[string]any)
		if !ok {
			return errors.New("a representation is not an object")
		}
		o, err := e.entity(representation)
		if err != nil {
			return err
		}
		if err := e.within(i, true, func() error { return e.object(o, sets) }); err != nil {
			return err
		}
	}
	e.out.WriteByte(']')
	return nil
}

// A position is where a value is.
type position struct {
	parent    *object
	field     string
	index     int // in a list
	arguments map[string]argument
}

// value writes a value of a type.
func (e *execution) value(at position, t *ast.Type, sets []ast.SelectionSet) error {
	if t.Elem != nil {
		start, length := e.slice(at)
		e.out.WriteByte('[')
		for i := range length {
			if i > 0 {
				e.out.WriteByte(',')
			}
			e.objects++
			item := at
			item.index = at.index*length + start + i
			if err := e.within(i, !t.Elem.NonNull, func() error { return e.value(item, t.Elem, sets) }); err != nil {
				return err
			}
		}
		e.out.WriteByte(']')
		return nil
	}
	d := e.schema.types[t.NamedType]
	switch {
	case d == nil || d.kind == ast.Scalar:
		e.write(e.scalar(at, t.NamedType))
		return nil
	case d.kind == ast.Enum:
		values := e.schema.visibleValues(t.NamedType)
		if len(values) == 0 {
			return fmt.Errorf("the enum %s has no values", t.NamedType)
		}
		e.write(values[e.varying(at)%uint64(len(values))])
		return nil
	}
	o := e.related(at.parent, at.field, t.NamedType, at.index)
	if d.isPage(e.schema) {
		o.page = e.page(at, o)
		return e.object(o, sets)
	}
	e.echo(o, t.NamedType, e.itemArguments(at))
	return e.optional(o, t, sets)
}

// optional writes an object, or null if the schema has no type for it.
func (e *execution) optional(o *object, t *ast.Type, sets []ast.SelectionSet) error {
	if o.typename != "" {
		return e.object(o, sets)
	}
	if t.NonNull {
		return fmt.Errorf("the schema has no type that can be a %s", t.NamedType)
	}
	e.out.WriteString("null")
	return nil
}

// varying returns a number for the value at a position. Those of events differ.
func (e *execution) varying(at position) uint64 {
	if e.event == 0 {
		return e.hash(at.parent.n, at.field, at.index)
	}
	return e.hash(at.parent.n, at.field, at.index, e.event)
}

// given writes a value that a representation or an argument has.
func (e *execution) given(value any, t *ast.Type, sets []ast.SelectionSet) error {
	switch v := value.(type) {
	case []any:
		if t.Elem == nil { // a scalar such as JSON
			e.write(v)
			return nil
		}
		e.out.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				e.out.WriteByte(',')
			}
			if err := e.given(item, t.Elem, sets); err != nil {
				return err
			}
		}
		e.out.WriteByte(']')
		return nil
	case map[string]any:
		d := e.schema.types[t.Name()]
		if d == nil || d.kind == ast.Scalar { // a scalar such as JSON
			e.write(v)
			return nil
		}
		typename, _ := v["__typename"].(string)
		n := identity(v)
		if typename == "" || e.schema.types[typename] == nil {
			typename = t.Name()
		}
		return e.object(&object{typename: e.concrete(typename, n), n: n, given: v}, sets)
	}
	e.write(value)
	return nil
}

func (e *execution) collect(groups []*group, typename string, set ast.SelectionSet, visited map[string]bool) []*group {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			if e.included(s.Directives) {
				groups = add(groups, s)
			}
		case *ast.InlineFragment:
			if e.included(s.Directives) && e.applies(typename, s.TypeCondition) {
				groups = e.collect(groups, typename, s.SelectionSet, visited)
			}
		case *ast.FragmentSpread:
			if f := e.fragments.ForName(s.Name); f != nil && !visited[s.Name] && e.included(s.Directives) && e.applies(typename, f.TypeCondition) {
				visited[s.Name] = true
				groups = e.collect(groups, typename, f.SelectionSet, visited)
			}
		}
	}
	return groups
}

func add(groups []*group, field *ast.Field) []*group {
	for _, g := range groups {
		if g.key == field.Alias {
			g.fields = append(g.fields, field)
			return groups
		}
	}
	return append(groups, &group{key: field.Alias, fields: []*ast.Field{field}})
}

func (e *execution) included(directives ast.DirectiveList) bool {
	condition := func(name string) (value, given bool) {
		d := directives.ForName(name)
		if d == nil || d.Arguments.ForName("if") == nil {
			return false, false
		}
		return syntax.Value(d.Arguments.ForName("if").Value, e.variables) == true, true
	}
	if skip, given := condition("skip"); given && skip {
		return false
	}
	include, given := condition("include")
	return !given || include
}

func (e *execution) applies(typename, condition string) bool {
	if condition == "" || condition == typename {
		return true
	}
	d := e.schema.types[condition]
	if d == nil {
		return false
	}
	for _, name := range d.possible {
		if name == typename {
			return true
		}
	}
	return false
}

// write writes a value as JSON.
func (e *execution) write(value any) {
	encoded, err := json.Marshal(value)
	if err != nil {
		panic(err) // all values were decoded from JSON, or made here
	}
	e.out.Write(encoded)
}
