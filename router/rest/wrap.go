package rest

import (
	"net/http"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/internal/jsonscan"
)

// wrapping says how the input object of a variable is made from values of the request; see
// @wrap.
type wrapping struct {
	field string        // the field that takes the variable's value
	with  ast.FieldList // the fields that parameters or members of their own fill
}

// wrap makes the type of one field of v's input object the type in requests.
func (c *compiler) wrap(v *variable, definition *ast.VariableDefinition, arguments map[string]any) {
	wrapper := c.schema.Types[definition.Type.Name()]
	if definition.Type.Elem != nil || wrapper.Kind != ast.InputObject {
		c.fail(definition.Position, "@wrap applies to an input object, but the type of $%s is %s", v.name, definition.Type)
		return
	}
	field := func(name string) *ast.FieldDefinition {
		found := wrapper.Fields.ForName(name)
		if found == nil {
			c.fail(definition.Position, "%s has no field %q; %s", wrapper.Name, name, suggest(name, fieldNames(wrapper)))
		}
		return found
	}
	inner := field(stringOf(arguments["field"]))
	if inner == nil {
		return
	}
	wrapped := *inner.Type
	wrapped.NonNull = definition.Type.NonNull
	v.wrap, v.typ = &wrapping{field: inner.Name}, &wrapped
	v.limits = limitsOf(inner.Directives)
	if v.description == "" {
		v.description = inner.Description
	}
	beside, _ := arguments["with"].([]any)
	for _, name := range beside {
		if other := field(stringOf(name)); other != nil {
			v.wrap.with = append(v.wrap.with, other)
		}
	}
}

// besides returns the fields that have parameters of their own from a source, each name once.
func (r *route) besides(from source) (fields ast.FieldList) {
	for _, v := range r.variables {
		if v.wrap == nil || v.source != from {
			continue
		}
		for _, field := range v.wrap.with {
			if fields.ForName(field.Name) == nil {
				fields = append(fields, field)
			}
		}
	}
	return fields
}

// wrapped returns the input object of a variable that has the value given.
func (q *request) wrapped(v *variable, value []byte) []byte {
	object := append(quote([]byte{'{'}, v.wrap.field), ':')
	object = append(object, value...)
	for _, field := range v.wrap.with {
		if other, ok := q.beside[field.Name]; ok {
			object = append(append(quote(append(object, ','), field.Name), ':'), other...)
		}
	}
	return append(object, '}')
}

// readBesides reads the values that belong to objects that other values are wrapped in, and
// returns their names. It runs before those are read.
func (q *request) readBesides(in string, from source, lookup func(name string, t *ast.Type) *jsonscan.Node) (names []string) {
	for _, field := range q.route.besides(from) {
		names = append(names, field.Name)
		if value := lookup(field.Name, field.Type); value != nil {
			q.beside[field.Name] = q.coerce(nil, value, field.Type, q.limits[field], position{in: in, name: field.Name})
		}
	}
	return names
}

// needsAnyWrapped refuses values in the query that belong to objects of which none is given.
func (q *request) needsAnyWrapped() {
	for _, field := range q.route.besides(fromQuery) {
		_, alone := q.beside[field.Name]
		var names []string
		for _, v := range q.route.beside(field) {
			names = append(names, v.requestName)
			_, given := q.given[v.name]
			alone = alone && !given
		}
		if alone {
			q.refuse(violation{In: "query", Name: field.Name, Detail: "is given without " + strings.Join(names, " or "), Hint: "give one of them, too"})
		}
	}
}

// beside returns the variables in the query whose objects a field belongs to.
func (r *route) beside(field *ast.FieldDefinition) (found []*variable) {
	for _, v := range r.variables {
		if v.source == fromQuery && v.wrap != nil && v.wrap.with.ForName(field.Name) != nil {
			found = append(found, v)
		}
	}
	return found
}

// needsWrapped refuses values in the body that belong to an object of which nothing else is
// given.
func (q *request) needsWrapped() {
	for _, field := range q.route.besides(fromBody) {
		if _, given := q.beside[field.Name]; !given {
			continue
		}
		for _, v := range q.route.bodyVariables() {
			if v.wrap == nil || v.wrap.with.ForName(field.Name) == nil {
				continue
			}
			if _, given := q.given[v.name]; !given && !v.required {
				q.refuse(position{in: "body", name: field.Name}.violation("is given without "+v.requestName, "give both"))
			}
		}
	}
}

// inWrapping returns the position in the request of a field in the wrapping of v, if the path
// into the operation's input leads there.
func (v *variable) inWrapping(rest []string) (name string, below []string, ok bool) {
	switch {
	case v.wrap == nil || len(rest) == 0:
		return "", nil, false
	case rest[0] == v.wrap.field:
		return v.requestName, rest[1:], true
	case slices.ContainsFunc(v.wrap.with, func(f *ast.FieldDefinition) bool { return f.Name == rest[0] }):
		return rest[0], rest[1:], true
	}
	return "", nil, false
}

// dependents returns which members of the body need which others.
func (r *route) dependents() ordered {
	needs := ordered{}
	for _, v := range r.variables {
		if v.wrap == nil || v.source != fromBody || v.required || r.method == http.MethodGet {
			continue
		}
		for _, field := range v.wrap.with {
			needs = needs.with(field.Name, []string{v.requestName})
		}
	}
	return needs
}
