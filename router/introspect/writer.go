package introspect

import (
	"encoding/json"

	"souk/router/operation"
)

// A writer writes the JSON value of one introspection field.
type writer struct {
	*Introspector
	vars operation.Variables
	out  []byte
}

// object writes an object with the selected fields. It calls value to write the
// value of each field.
func (w *writer) object(typename string, list []operation.Selection, value func(f *operation.Field)) {
	w.out = append(w.out, '{')
	first := true
	fields(list, func(f *operation.Field) {
		if !first {
			w.out = append(w.out, ',')
		}
		first = false
		w.string(f.Alias)
		w.out = append(w.out, ':')
		if f.Name == "__typename" {
			w.string(typename)
			return
		}
		value(f)
	})
	w.out = append(w.out, '}')
}

// each writes a list of the items for which keep returns true. A nil keep keeps
// all items.
func each[T any](w *writer, items []T, keep func(T) bool, item func(T)) {
	w.out = append(w.out, '[')
	first := true
	for _, x := range items {
		if keep != nil && !keep(x) {
			continue
		}
		if !first {
			w.out = append(w.out, ',')
		}
		first = false
		item(x)
	}
	w.out = append(w.out, ']')
}

func (w *writer) null() { w.out = append(w.out, "null"...) }

func (w *writer) bool(b bool) {
	if b {
		w.out = append(w.out, "true"...)
	} else {
		w.out = append(w.out, "false"...)
	}
}

func (w *writer) string(s string) {
	quoted, err := json.Marshal(s)
	if err != nil { // unreachable: every string can be marshaled
		panic(err)
	}
	w.out = append(w.out, quoted...)
}

// optional writes a string, or null if it is empty.
func (w *writer) optional(s string) {
	if s == "" {
		w.null()
		return
	}
	w.string(s)
}

// argument returns the value of an argument as JSON, or nil if it is absent.
func (w *writer) argument(f *operation.Field, name string) json.RawMessage {
	for _, a := range f.Arguments {
		if a.Name != name {
			continue
		}
		if len(a.Variables) > 0 {
			return w.vars.Get(a.Variables[0])
		}
		return json.RawMessage(a.Value) // booleans, strings and null are written as in JSON
	}
	return nil
}

// text returns the value of a String argument.
func (w *writer) text(f *operation.Field, name string) string {
	var s string
	if raw := w.argument(f, name); raw != nil && json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// deprecatedToo returns the value of the argument includeDeprecated.
func (w *writer) deprecatedToo(f *operation.Field) bool {
	return string(w.argument(f, "includeDeprecated")) == "true"
}
