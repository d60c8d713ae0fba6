package operation_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"souk/router/operation"
)

// plainSDL has what arguments and selections of plain documents can be of.
const plainSDL = `
type Query { a(n: Int!, s: String = "x", f: Float, i: ID, b: Boolean, c: Colour, list: [Int!], in: In, at: Date): A b: [B!]! n: Node u: U leaf: Int }
type Mutation { a: A }
type Subscription { a: A b: Int }
interface Node { id: ID! name(n: Int): String }
type A implements Node { id: ID! name(n: Int): String a: A n: Node }
type B implements Node { id: ID! name(n: Int): String u: U }
type C { id: Int }
union U = A | C
enum Colour { RED GREEN }
input In { n: Int! }
scalar Date
directive @custom on FIELD`

// TestPlainDocumentsAreValidatedAlike compares documents with one operation with the same documents
// with a second one, which are not plain, so that all rules of the validator are applied to them.
func TestPlainDocumentsAreValidatedAlike(t *testing.T) {
	schema, err := operation.NewSchema(plainSDL)
	if err != nil {
		t.Fatal(err)
	}
	valid := 0
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]string{"query", "query", "query", "mutation", "subscription"}).Draw(t, "kind")
		text := kind + " Name" + plainVariables(t) + plainSelections(t, 0)
		one, errOne := schema.Parse(text, "Name")
		two, errTwo := schema.Parse(text+" query Other { leaf }", "Name")
		if fmt.Sprint(errOne) != fmt.Sprint(errTwo) {
			t.Fatalf("%s\nalone: %v\nwith another operation: %v", text, errOne, errTwo)
		}
		if errOne != nil {
			return
		}
		valid++
		one.Compact()
		if a, b := one.Operation(nil).String(), two.Operation(nil).String(); a != b {
			t.Fatalf("%s\nalone:\n%s\nwith another operation:\n%s", text, a, b)
		}
	})
	if valid == 0 {
		t.Error("no document was valid")
	}
}

func plainVariables(t *rapid.T) string {
	return rapid.SampledFrom([]string{
		"", "", "", "($v: Int!)", "($v: Int)", "($v: Int = 1)", "($v: String, $w: ID)", "($v: [Int!])", "($v: In!)", "($v: A)", "($v: Int!, $v: Int!)",
	}).Draw(t, "variables")
}

// plainSelections returns a selection set that is often, but not always, valid.
func plainSelections(t *rapid.T, depth int) string {
	var b strings.Builder
	b.WriteString(" {")
	for range rapid.IntRange(1, 3).Draw(t, "selections") {
		b.WriteString(" " + rapid.SampledFrom([]string{"", "", "", "x: ", "y: ", "z: "}).Draw(t, "alias"))
		choices := []string{"a(n: 1)", "b", "n", "u", "leaf", "id", "name", "__typename", "...on A", "...on Node", "...on C", "a", "a(ARG)", "a(n: 1, ARG)", "name(n: $v)", "leaf @include(if: true)", "__schema", "..."}
		if depth > 0 {
			choices = append(choices, "id", "id", "name", "__typename", "a", "n", "u")
		}
		choice := rapid.SampledFrom(choices).Draw(t, "selection")
		argument := rapid.SampledFrom([]string{
			"n: 1", "n: $v", "n: 5000000000", "n: null", "n: 1.5", "s: \"x\"", "s: 1", "s: $v", "f: 1", "f: 1e400", "f: 2.5", "i: 7", "i: \"x\"", "i: $w", "i: 99999999999999999999",
			"b: true", "b: \"true\"", "c: RED", "c: BLUE", "c: \"RED\"", "list: 1", "list: [1]", "list: $v", "in: {n: 1}", "in: $v", "at: 1", "at: \"x\"", "at: X", "other: 1", "s: \"\"\"x\"\"\"",
		}).Draw(t, "argument")
		b.WriteString(strings.Replace(choice, "ARG", argument, 1))
		if depth < 3 && rapid.IntRange(0, 9).Draw(t, "leaf") > 0 && !strings.HasPrefix(choice, "leaf") && choice != "id" && choice != "__typename" && !strings.HasPrefix(choice, "name") {
			b.WriteString(plainSelections(t, depth+1))
		}
	}
	return b.String() + " }"
}
