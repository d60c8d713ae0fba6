package lint

import (
	"regexp"

	"github.com/vektah/gqlparser/v2/ast"
)

var (
	pascalCase = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*$`)
	camelCase  = regexp.MustCompile(`^[a-z][A-Za-z0-9]*$`)
	upperCase  = regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$`)
)

func (l *linter) typeNames() {
	for _, d := range l.definitions {
		if !pascalCase.MatchString(d.Name) {
			l.add(d, d.Position, d.Name, "the name of the type %s is not in PascalCase", d.Name)
		}
	}
}

func (l *linter) fieldNames() {
	l.fields(func(d definition, f *ast.FieldDefinition) {
		coordinate := d.Name + "." + f.Name
		if !camelCase.MatchString(f.Name) {
			l.add(d, f.Position, coordinate, "the name of the field %s is not in camelCase", coordinate)
		}
		for _, a := range f.Arguments {
			if of := coordinate + "(" + a.Name + ":)"; !camelCase.MatchString(a.Name) {
				l.add(d, a.Position, of, "the name of the argument %s is not in camelCase", of)
			}
		}
	})
}

func (l *linter) enumValueNames() {
	for _, d := range l.definitions {
		for _, v := range d.EnumValues {
			if of := d.Name + "." + v.Name; !upperCase.MatchString(v.Name) {
				l.add(d, v.Position, of, "the name of the enum value %s is not in UPPER_CASE", of)
			}
		}
	}
}
