package schemadiff

import (
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"
)

// An input is an argument or a field of an input object.
type input struct {
	name  string
	typ   *ast.Type
	value *ast.Value // the default; may be nil
}

// required reports whether clients must send a value.
func (i input) required() bool { return i.typ.NonNull && i.value == nil }

func inputFields(d *ast.Definition) (list []input) {
	for _, f := range d.Fields {
		list = append(list, input{f.Name, f.Type, f.DefaultValue})
	}
	return list
}

func arguments(definitions ast.ArgumentDefinitionList) (list []input) {
	for _, a := range definitions {
		list = append(list, input{a.Name, a.Type, a.DefaultValue})
	}
	return list
}

func find(list []input, name string) (input, bool) {
	for _, i := range list {
		if i.name == name {
			return i, true
		}
	}
	return input{}, false
}

// inputs compares the inputs of an element: an input object, the coordinate of a field, or a
// directive, whose of is empty.
func (c *comparison) inputs(of string, was, now []input, coordinate func(name string) string) {
	for _, old := range was {
		next, kept := find(now, old.name)
		if !kept {
			c.add(Removed, Breaking, coordinate(old.name), "", of)
			continue
		}
		c.input(of, old, next, coordinate(old.name))
	}
	for _, next := range now {
		if _, known := find(was, next.name); known {
			continue
		}
		if next.required() {
			c.add(Added, Breaking, coordinate(next.name), "which is required", of)
		} else {
			c.add(Added, Safe, coordinate(next.name), "")
		}
	}
}

func (c *comparison) input(of string, old, next input, coordinate string) {
	if old.typ.String() != next.typ.String() {
		level := Breaking
		// A default value takes the place of a value that is left out, but not of null.
		if c.narrower(old.typ, next.typ) {
			level = Safe
		}
		c.add(Changed, level, coordinate, fmt.Sprintf("from %s to %s", old.typ, next.typ), of)
	}
	text := func(v *ast.Value) string {
		if v == nil {
			return "none"
		}
		return v.String()
	}
	if a, b := text(old.value), text(next.value); a != b {
		level := Dangerous
		if next.required() {
			level = Breaking
		}
		c.add(Changed, level, coordinate, fmt.Sprintf("default from %s to %s", a, b), of)
	}
}
