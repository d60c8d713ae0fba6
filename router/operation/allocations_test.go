//go:build !race

package operation_test

import (
	"fmt"
	"strings"
	"testing"

	"souk/router/operation"
)

// Memory that is not part of a document or its operation is used again. The race detector empties pools
// at random.
func TestColdDocumentsAllocateLittle(t *testing.T) {
	s := testSchema(t)
	for _, d := range coldDocuments {
		parse := func() {
			made, err := s.Parse(d.text, "Page")
			if err != nil {
				t.Fatal(err)
			}
			made.Compact()
			made.Operation(nil)
		}
		parse()
		if n := testing.AllocsPerRun(100, parse); n > d.allocations {
			t.Errorf("%s: %v allocations, at most %v are allowed", d.name, n, d.allocations)
		}
	}
}

// A client gets few errors. Unknown names of the others are not compared with all that there are.
func TestSuggestionsForManyErrorsTakeLittle(t *testing.T) {
	const known, unknown = 200, 1000
	names := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	s, err := operation.NewSchema("type Query { thing: Thing any(of: [Colour]): Int } enum Colour {" + names(known, " COLOUR_%d") + " } type Thing {" + names(known, " field%d: Int") + " }" + names(known, " type Kind%d { a: Int }"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"fields":    "{ thing {" + names(unknown, " fieldx%d") + " } }",
		"values":    "{ any(of: [" + names(unknown, " COLOURX_%d") + "]) }",
		"fragments": "{ thing { __typename } }" + names(unknown, " fragment F%d on Kindx%[1]d { a }"),
		"inline":    "{ thing {" + names(unknown, " ... on Kindx%d { a }") + " } }",
	} {
		var message string
		n := testing.AllocsPerRun(1, func() {
			_, err := s.Parse(text, "")
			if err != nil {
				message = err.Error()
			}
		})
		if got := strings.Count(message, "Did you mean"); got < 10 || got > 20 {
			t.Errorf("%s: %d errors have suggestions: %s", name, got, message)
		}
		if n > unknown*known/2 {
			t.Errorf("%s: %v allocations for %d unknown names of %d", name, n, unknown, known)
		}
	}
}
