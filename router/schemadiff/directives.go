package schemadiff

import (
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
)

// executable are the places of directives in operations.
var executable = []ast.DirectiveLocation{
	ast.LocationQuery, ast.LocationMutation, ast.LocationSubscription, ast.LocationField, ast.LocationFragmentDefinition,
	ast.LocationFragmentSpread, ast.LocationInlineFragment, ast.LocationVariableDefinition,
}

// executableLocations returns the places in operations where a directive may be.
func executableLocations(d *ast.DirectiveDefinition) (list []ast.DirectiveLocation) {
	if d == nil {
		return nil
	}
	for _, l := range d.Locations {
		if slices.Contains(executable, l) {
			list = append(list, l)
		}
	}
	return list
}

// directives compares the definitions of directives that operations may use. Usage does not
// tell whether clients use them, so the changes concern all clients.
func (c *comparison) directives() {
	for name, was := range c.old.Directives {
		before := executableLocations(was)
		if len(before) == 0 {
			continue
		}
		coordinate, now := "@"+name, c.next.Directives[name]
		after := executableLocations(now)
		if len(after) == 0 {
			c.add(Removed, Breaking, coordinate, "")
			continue
		}
		for _, l := range before {
			if !slices.Contains(after, l) {
				c.add(Changed, Breaking, coordinate, "is not allowed on "+string(l)+" any more")
			}
		}
		for _, l := range after {
			if !slices.Contains(before, l) {
				c.add(Changed, Safe, coordinate, "is allowed on "+string(l))
			}
		}
		if was.IsRepeatable && !now.IsRepeatable {
			c.add(Changed, Breaking, coordinate, "is not repeatable any more")
		}
		if now.IsRepeatable && !was.IsRepeatable {
			c.add(Changed, Safe, coordinate, "is repeatable")
		}
		c.inputs("", arguments(was.Arguments), arguments(now.Arguments), func(name string) string { return coordinate + "(" + name + ":)" })
	}
	for name, now := range c.next.Directives {
		if len(executableLocations(now)) > 0 && len(executableLocations(c.old.Directives[name])) == 0 {
			c.add(Added, Safe, "@"+name, "")
		}
	}
}

func isOneOf(d *ast.Definition) bool { return d.Directives.ForName("oneOf") != nil }

// deprecation compares whether an element is deprecated.
func (c *comparison) deprecation(coordinate string, was, now ast.DirectiveList) {
	switch old, next := was.ForName("deprecated"), now.ForName("deprecated"); {
	case old == nil && next != nil:
		c.add(Changed, Safe, coordinate, "is deprecated")
	case old != nil && next == nil:
		c.add(Changed, Safe, coordinate, "is not deprecated any more")
	}
}
