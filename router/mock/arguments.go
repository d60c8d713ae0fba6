package mock

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/internal/jsonscan"
	"souk/router/internal/syntax"
)

// An argument is a value that a client sent, and its type. The type is nil if the schema does
// not define the argument.
type argument struct {
	value any
	kind  *ast.Type
}

// arguments returns the arguments of a field, with their default values.
func (e *execution) arguments(o *object, field *ast.Field) map[string]argument {
	values := map[string]argument{}
	var defined ast.ArgumentDefinitionList
	if d := e.schema.types[o.typename]; d != nil && d.fields[field.Name] != nil {
		defined = d.fields[field.Name].Arguments
	}
	for _, d := range defined {
		if d.DefaultValue != nil {
			values[d.Name] = argument{syntax.Value(d.DefaultValue, nil), d.Type}
		}
	}
	for _, a := range field.Arguments {
		given := argument{value: syntax.Value(a.Value, e.variables)}
		if d := defined.ForName(a.Name); d != nil {
			given.kind = d.Type
		}
		values[a.Name] = given
	}
	return values
}

// itemArguments returns the arguments for an object: an item of a list has one of the ids.
func (e *execution) itemArguments(at position) map[string]argument {
	ids, ok := at.arguments["ids"].value.([]any)
	if !ok || at.index >= len(ids) {
		return at.arguments
	}
	own := maps.Clone(at.arguments)
	delete(own, "ids")
	own["id"] = argument{value: ids[at.index]}
	return own
}

// echo gives an object of a type the values of arguments that have the name and the type of one
// of its fields, also those in an input object. productId is the ID of the object in a field
// product.
func (e *execution) echo(o *object, typename string, arguments map[string]argument) {
	e.identify(o, typename, arguments)
	d := e.schema.types[o.typename]
	if d == nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(arguments)) {
		a := arguments[name]
		if inner, ok := a.value.(map[string]any); ok {
			e.echo(o, o.typename, e.members(a.kind, inner))
			continue
		}
		if f := d.fields[name]; f != nil && f.Type.Elem == nil {
			if value, ok := e.accepted(f.Type.NamedType, a); ok {
				o.give(name, value)
			}
			continue
		}
		base := strings.TrimSuffix(strings.TrimSuffix(name, "Id"), "_id")
		if f := d.fields[base]; base != name && f != nil && f.Type.Elem == nil && e.schema.identified(f.Type.NamedType) {
			if id, ok := e.accepted("ID", a); ok {
				o.give(base, map[string]any{"id": id})
			}
		}
	}
}

// identify makes an object the one of which the arguments have the ID or another key.
func (e *execution) identify(o *object, typename string, arguments map[string]argument) {
	if id, ok := e.accepted("ID", arguments["id"]); ok {
		o.n = identity(map[string]any{"id": id})
		o.typename = e.typeOf(typename, id, o.n)
		return
	}
	d := e.schema.types[o.typename]
	if d == nil {
		return
	}
	for _, key := range d.keys {
		if value, ok := e.accepted(d.fields[key].Type.Name(), arguments[key]); ok {
			o.n = identity(map[string]any{key: value})
			return
		}
	}
}

// members returns the fields of an input object as arguments.
func (e *execution) members(t *ast.Type, object map[string]any) map[string]argument {
	var d *definition
	if t != nil {
		d = e.schema.types[t.Name()]
	}
	members := map[string]argument{}
	for name, value := range object {
		a := argument{value: value}
		if d != nil && d.fields[name] != nil {
			a.kind = d.fields[name].Type
		}
		members[name] = a
	}
	return members
}

// accepted returns the value of an argument as one of a scalar or enum type, if it is one.
func (e *execution) accepted(typename string, a argument) (any, bool) {
	number, isNumber := a.value.(json.Number)
	_, isText := a.value.(string)
	switch typename {
	case "ID":
		if digits, ok := jsonscan.Integer([]byte(number)); ok {
			return string(digits), true
		}
		return a.value, isText
	case "String":
		return a.value, isText
	case "Int":
		_, isInteger := integer(a.value)
		return a.value, isInteger
	case "Float":
		_, err := number.Float64()
		return a.value, isNumber && err == nil
	case "Boolean":
		_, isBool := a.value.(bool)
		return a.value, isBool
	}
	d := e.schema.types[typename]
	if d != nil && d.kind == ast.Enum {
		text, _ := a.value.(string)
		return text, slices.Contains(d.values, text)
	}
	isScalar := d == nil || d.kind == ast.Scalar
	return a.value, isScalar && a.value != nil && a.kind != nil && a.kind.Elem == nil && a.kind.NamedType == typename
}

// integer returns the value of an Int.
func integer(value any) (int, bool) {
	number, _ := value.(json.Number)
	n, err := strconv.ParseInt(number.String(), 10, 32)
	return int(n), err == nil
}

// typeOf returns the object type of the object with an ID: the one that the ID names, such as
// Product:7, also in Base64, or one that depends on its number.
func (s *Subgraph) typeOf(typename string, id any, n uint64) string {
	d := s.schema.types[typename]
	text, isText := id.(string)
	if d == nil || d.kind == ast.Object || !isText {
		return s.concrete(typename, n)
	}
	decoded, _ := base64.StdEncoding.DecodeString(text) // mostly it is none
	for _, named := range []string{text, string(decoded)} {
		if name, _, ok := strings.Cut(named, ":"); ok && slices.Contains(d.possible, name) {
			return name
		}
	}
	return s.concrete(typename, n)
}
