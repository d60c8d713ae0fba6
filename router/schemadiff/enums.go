package schemadiff

import "github.com/vektah/gqlparser/v2/ast"

// values compares the values of an enum. Clients can only send those of an enum that is the type
// of an input, and only get those of one that is the type of a field.
func (c *comparison) values(was, now *ast.Definition) {
	sent, got := uses(c.old, was.Name)
	for _, v := range was.EnumValues {
		coordinate := was.Name + "." + v.Name
		next := now.EnumValues.ForName(v.Name)
		switch {
		case next != nil:
			c.deprecation(coordinate, v.Directives, next.Directives)
		case sent:
			c.add(Removed, Breaking, coordinate, "", was.Name)
			c.sending(coordinate)
		default:
			c.add(Removed, Safe, coordinate, "")
		}
	}
	for _, v := range now.EnumValues {
		switch coordinate := was.Name + "." + v.Name; {
		case was.EnumValues.ForName(v.Name) != nil:
		case got:
			c.add(Added, Dangerous, coordinate, "")
		default:
			c.add(Added, Safe, coordinate, "")
		}
	}
}

// uses reports whether a type is that of an input, which clients send, and that of a field, whose
// value they get.
func uses(schema *ast.Schema, name string) (sent, got bool) {
	arguments := func(list ast.ArgumentDefinitionList) {
		for _, a := range list {
			sent = sent || a.Type.Name() == name
		}
	}
	for _, d := range schema.Types {
		for _, f := range d.Fields {
			if f.Type.Name() == name {
				sent, got = sent || d.Kind == ast.InputObject, got || d.Kind != ast.InputObject
			}
			arguments(f.Arguments)
		}
	}
	for _, d := range schema.Directives {
		if len(executableLocations(d)) > 0 {
			arguments(d.Arguments)
		}
	}
	return sent, got
}
