package mock

import (
	"errors"
	"fmt"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
)

// A refusal is the error of a field whose arguments a service would not accept. The field is null,
// or what it is in (GraphQL, section 6.4.4).
type refusal struct {
	Message string `json:"message"`
	Path    []any  `json:"path"`
}

func (r *refusal) Error() string { return r.Message }

func (e *execution) refuse(format string, args ...any) error {
	return &refusal{Message: fmt.Sprintf(format, args...), Path: slices.Clone(e.path)}
}

// within writes the value at a response key or an index.
func (e *execution) within(key any, nullable bool, write func() error) error {
	e.path = append(e.path, key)
	defer func() { e.path = e.path[:len(e.path)-1] }()
	return e.nullable(nullable, write)
}

// nullable writes a value, or null if it is refused and can be null.
func (e *execution) nullable(nullable bool, write func() error) error {
	begin := e.out.Len()
	err := write()
	if refused := (*refusal)(nil); nullable && errors.As(err, &refused) {
		e.out.Truncate(begin)
		e.out.WriteString("null")
		e.refused = append(e.refused, refused)
		return nil
	}
	return err
}

// isNullable reports whether a field can be null.
func (e *execution) isNullable(typename, field string) bool {
	d := e.schema.types[typename]
	return d != nil && d.fields[field] != nil && !d.fields[field].Type.NonNull
}

// checkPaging refuses what services refuse of the arguments of a list or page: a negative number
// of items, and a cursor that is none of theirs. An empty cursor is that of an empty page.
func (e *execution) checkPaging(arguments map[string]argument, t *ast.Type) error {
	d := e.schema.types[t.Name()]
	isPage := t.Elem == nil && d != nil && d.isPage(e.schema)
	if t.Elem == nil && !isPage {
		return nil
	}
	for _, name := range slices.Concat(lengths, offsets) {
		if n, ok := integer(arguments[name].value); ok && n < 0 {
			return e.refuse("The argument %s is %d; it must not be negative.", name, n)
		}
	}
	for _, name := range []string{"after", "before"} {
		a := arguments[name]
		text, _ := a.value.(string)
		if _, known := cursorIndex(text); isPage && text != "" && !known && a.isCursor() {
			return e.refuse("The argument %s is %q, which is not a cursor of this list.", name, text)
		}
	}
	return nil
}

// isCursor reports whether an argument has a type of cursors. One of another type, such as a date,
// is a filter.
func (a argument) isCursor() bool {
	return a.kind != nil && slices.Contains([]string{"String", "ID", "Cursor", "ConnectionCursor"}, a.kind.NamedType)
}
