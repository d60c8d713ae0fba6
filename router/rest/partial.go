package rest

import (
	"maps"
	"slices"
	"strings"

	"souk/router/internal/jsonscan"
)

// partialHeader is the header of a successful response whose body lacks something
// that could not be fetched. Without it, a null means that there is nothing.
const partialHeader = "Souk-Partial"

// partial returns the value of the header for the errors of an answer: a list of
// strings (RFC 9651). Each is the place in the body of what is missing, in the form
// of a JSON pointer (RFC 6901) with * for the index of any item of a list. The
// empty string stands for something that has no place in the body. There are at
// most as many places as the operation selects fields.
func (q *request) partial(found *jsonscan.Node, errors []Error) string {
	places := map[string]bool{}
	for i := range errors {
		q.addPlaces(places, found, &errors[i])
	}
	quoted := make([]string, 0, len(places))
	for _, place := range slices.Sorted(maps.Keys(places)) {
		quoted = append(quoted, `"`+place+`"`)
	}
	return strings.Join(quoted, ", ")
}

// addPlaces adds where the value at the path of an error is in the body. If the type
// system made a value around it null, that is the place of it. If a subgraph did not
// resolve fields of the objects at the path, those that are null are the places.
func (q *request) addPlaces(places map[string]bool, found *jsonscan.Node, e *Error) {
	f, v, path := q.route.body, found, e.Path
	prefix := q.route.result
	if len(prefix) == 0 {
		prefix = []string{f.key}
	}
	for _, key := range prefix {
		if len(path) == 0 {
			break // it is at an object around the body
		}
		if path[0] != key {
			places[""] = true
			return
		}
		path = path[1:]
	}
	place := ""
	for _, step := range path {
		if v.IsNull() {
			break
		}
		if v.Kind == jsonscan.KindArray {
			place += "/*"
			v = itemAt(v, step)
			continue
		}
		key, _ := step.(string)
		inner := f.object.field(key)
		if inner == nil {
			break
		}
		place += inner.step(f)
		f = inner
		v, _ = v.Member(key)
	}
	subgraph, _ := e.Extensions["service"].(string)
	unresolved := func(on, field string) bool {
		return subgraph == "" || q.graph.Resolves(subgraph, on, field)
	}
	if len(e.Path) == 0 || !f.addNulls(places, v, place, unresolved) {
		places[place] = true
	}
}

// step returns what the pointer to a member adds to that of its object.
func (f *fieldShape) step(object *fieldShape) string {
	if object.unwrap {
		return ""
	}
	return "/" + f.key // a name of GraphQL needs no escapes
}

// addNulls adds the places below a value, at a place, where a field is null that is
// unresolved. It reports whether there are any.
func (f *fieldShape) addNulls(places map[string]bool, v *jsonscan.Node, place string, unresolved func(on, field string) bool) bool {
	if v.IsNull() || f.object == nil {
		return false
	}
	some := false
	if v.Kind == jsonscan.KindArray {
		for i := range v.Items {
			some = f.addNulls(places, &v.Items[i], place+"/*", unresolved) || some
		}
		return some
	}
	for _, inner := range f.object.fields {
		value, selected := v.Member(inner.key)
		switch below := place + inner.step(f); {
		case selected && value.IsNull() && unresolved(inner.on.Name, inner.definition.Name):
			places[below], some = true, true
		case selected:
			some = inner.addNulls(places, value, below, unresolved) || some
		}
	}
	return some
}

// itemAt returns the item of a list at an index of a path, or nil.
func itemAt(list *jsonscan.Node, step any) *jsonscan.Node {
	index := -1
	switch n := step.(type) {
	case int:
		index = n
	case float64:
		index = int(n)
	}
	if index < 0 || index >= len(list.Items) {
		return nil
	}
	return &list.Items[index]
}
