package lint

import (
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// descriptions finds what no subgraph describes. Root types need no description, and what is
// @external is described where it is resolved.
func (l *linter) descriptions() {
	described := map[string]bool{}
	for _, d := range l.definitions {
		described[d.Name] = described[d.Name] || strings.TrimSpace(d.Description) != ""
	}
	l.fields(func(d definition, f *ast.FieldDefinition) {
		of := d.Name + "." + f.Name
		described[of] = described[of] || strings.TrimSpace(f.Description) != ""
	})
	missing := func(d definition, at *ast.Position, coordinate string) {
		if !described[coordinate] {
			described[coordinate] = true // one finding is enough
			l.add(d, at, coordinate, "%s has no description", coordinate)
		}
	}
	for _, d := range l.definitions {
		if !l.roots[d.Name] {
			missing(d, d.Position, d.Name)
		}
	}
	l.fields(func(d definition, f *ast.FieldDefinition) {
		if f.Directives.ForName("external") == nil {
			missing(d, f.Position, d.Name+"."+f.Name)
		}
	})
}

func (l *linter) deprecationReasons() {
	check := func(d definition, directives ast.DirectiveList, coordinate string) {
		for _, directive := range directives {
			if directive.Name != "deprecated" {
				continue
			}
			if reason := directive.Arguments.ForName("reason"); reason == nil || strings.TrimSpace(reason.Value.Raw) == "" {
				l.add(d, directive.Position, coordinate, "%s is deprecated without a reason; say what to use instead", coordinate)
			}
		}
	}
	l.fields(func(d definition, f *ast.FieldDefinition) {
		check(d, f.Directives, d.Name+"."+f.Name)
		for _, a := range f.Arguments {
			check(d, a.Directives, d.Name+"."+f.Name+"("+a.Name+":)")
		}
	})
	for _, d := range l.definitions {
		for _, v := range d.EnumValues {
			check(d, v.Directives, d.Name+"."+v.Name)
		}
	}
}
