package schemadiff_test

import (
	"slices"
	"strings"
	"testing"

	"souk/router/schemadiff"
)

func TestDirectivesOfOperationsAreCompared(t *testing.T) {
	old := load(t, `
directive @live(every: Int, by: String = "a") repeatable on QUERY | FIELD | OBJECT
directive @gone on FIELD
directive @schemaOnly on FIELD | OBJECT
directive @hidden on OBJECT
directive @wider on FIELD
type Query { a(in: One): Int b(in: Many): Int }
input One { x: Int y: Int }
input Many @oneOf { x: Int y: Int }
`)
	next := load(t, `
directive @live(every: String, must: Int!) on QUERY
directive @schemaOnly on OBJECT
directive @wider(of: Int) repeatable on FIELD | VARIABLE_DEFINITION | OBJECT
directive @new on FIELD
type Query { a(in: One): Int b(in: Many): Int }
input One @oneOf { x: Int y: Int }
input Many { x: Int y: Int }
`)
	changes := schemadiff.Compare(old, next)
	var got []string
	for _, c := range changes {
		got = append(got, c.String())
	}
	want := []string{
		"- @gone (breaking)",
		"~ @live is not allowed on FIELD any more (breaking)",
		"~ @live is not repeatable any more (breaking)",
		"- @live(by:) (breaking)",
		"~ @live(every:) from Int to String (breaking)",
		"+ @live(must:) which is required (breaking)",
		"+ @new",
		"- @schemaOnly (breaking)",
		"~ @wider is allowed on VARIABLE_DEFINITION",
		"~ @wider is repeatable",
		"+ @wider(of:)",
		"~ Many is not @oneOf any more",
		"~ One is @oneOf (breaking)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	// Usage has no directives: their changes stay breaking. It has the fields that @oneOf concerns.
	for _, c := range (schemadiff.Usage{"Query.b": {}}).Relax(old, changes) {
		if directive := strings.HasPrefix(c.Coordinate, "@"); directive && c.Unused || c.Coordinate == "One" && !c.Unused {
			t.Errorf("%v, which is unused: %t", c, c.Unused)
		}
	}
}
