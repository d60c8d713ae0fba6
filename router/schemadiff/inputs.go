package schemadiff

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// An input is an argument or a field of an input object.
type input struct {
	name  string
	typ   *ast.Type
	value *ast.Value // the default; may be nil

	directives ast.DirectiveList
}

// required reports whether clients must send a value.
func (i input) required() bool { return i.typ.NonNull && i.value == nil }

func inputFields(d *ast.Definition) (list []input) {
	for _, f := range d.Fields {
		list = append(list, input{f.Name, f.Type, f.DefaultValue, f.Directives})
	}
	return list
}

func arguments(definitions ast.ArgumentDefinitionList) (list []input) {
	for _, a := range definitions {
		list = append(list, input{a.Name, a.Type, a.DefaultValue, a.Directives})
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
			c.sending(coordinate(old.name))
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
		// A default value takes the place of a value that is left out, but not of null.
		level := c.replacing(old.typ, next.typ, map[[2]string]bool{})
		c.add(Changed, level, coordinate, fmt.Sprintf("from %s to %s", old.typ, next.typ), of)
		if old.required() || !next.required() { // otherwise, it concerns those that do not send it
			c.sending(coordinate)
		}
	}
	if a, b := defaultText(old.value), defaultText(next.value); a != b {
		level := Dangerous
		switch {
		case next.required():
			level = Breaking
		case old.required(): // clients send a value
			level = Safe
		}
		c.add(Changed, level, coordinate, fmt.Sprintf("default from %s to %s", a, b), of)
	}
	c.deprecation(coordinate, old.directives, next.directives)
}

// defaultText writes a default value. The fields of an object have no order.
func defaultText(v *ast.Value) string {
	if v == nil {
		return "none"
	}
	return sorted(v).String()
}

func sorted(v *ast.Value) *ast.Value {
	if len(v.Children) == 0 {
		return v
	}
	ordered := *v
	ordered.Children = slices.Clone(v.Children)
	for i, child := range ordered.Children {
		ordered.Children[i] = &ast.ChildValue{Name: child.Name, Value: sorted(child.Value)}
	}
	if v.Kind == ast.ObjectValue {
		slices.SortFunc(ordered.Children, func(a, b *ast.ChildValue) int { return strings.Compare(a.Name, b.Name) })
	}
	return &ordered
}
