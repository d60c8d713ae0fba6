package rest

import (
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
	var places []string
	for i := range errors {
		place := `"` + q.place(found, errors[i].Path) + `"`
		if !slices.Contains(places, place) {
			places = append(places, place)
		}
	}
	slices.Sort(places)
	return strings.Join(places, ", ")
}

// place returns where the value at a path of the graph's answer is in the body. If
// the type system made a value around it null, it returns the place of that.
func (q *request) place(found *jsonscan.Node, path []any) string {
	f, v := q.route.body, found
	prefix := q.route.result
	if len(prefix) == 0 {
		prefix = []string{f.key}
	}
	for i, key := range prefix {
		if i >= len(path) || path[i] != key {
			return ""
		}
	}
	place := ""
	for _, step := range path[len(prefix):] {
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
		if !f.unwrap {
			place += "/" + key // a name of GraphQL needs no escapes
		}
		f = inner
		v, _ = v.Member(key)
	}
	return place
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
