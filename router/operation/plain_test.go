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
	check := func(t *rapid.T) {
		root := rapid.SampledFrom([]string{"Query", "Query", "Query", "Mutation", "Subscription"}).Draw(t, "root")
		text := strings.ToLower(root) + " Name" + plainVariables(t) + plainSelections(t, root, 0)
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
	}
	for range 20 { // one document in seven is valid
		rapid.Check(t, check)
	}
	if valid == 0 {
		t.Error("no document was valid")
	}
}

func plainVariables(t *rapid.T) string {
	return rapid.SampledFrom([]string{
		"", "", "", "", "", "", "", "", "", "($v: Int!)", "($v: Int)", "($v: Int = 1)", "($v: String, $w: ID)", "($v: [Int!])", "($v: In!)", "($v: A)", "($v: Int!, $v: Int!)",
	}).Draw(t, "variables")
}

// plainChoices are selections on the types of plainSDL with the types of what they select.
var plainChoices = map[string][][2]string{
	"Query":    {{"a(n: 1)", "A"}, {"a(n: 1, ARG)", "A"}, {"a(n: 2, ARG)", "A"}, {"b", "B"}, {"n", "Node"}, {"u", "U"}, {"leaf", ""}, {"__typename", ""}},
	"Mutation": {{"a", "A"}}, "Subscription": {{"a", "A"}, {"b", ""}},
	"Node": {{"id", ""}, {"name", ""}, {"name(n: 1)", ""}, {"... on A", "A"}, {"... on B", "B"}, {"...", "Node"}},
	"A":    {{"id", ""}, {"name(n: 3)", ""}, {"a", "A"}, {"n", "Node"}, {"... on Node", "Node"}, {"... on U", "U"}},
	"B":    {{"id", ""}, {"name", ""}, {"u", "U"}, {"... on Node", "Node"}},
	"C":    {{"id", ""}}, "U": {{"__typename", ""}, {"... on A", "A"}, {"... on C", "C"}, {"... on Node", "Node"}},
	// These are errors, or documents that are not plain.
	"": {{"a", "A"}, {"a(ARG)", "A"}, {"b", ""}, {"id", ""}, {"id", "C"}, {"name(n: $v)", ""}, {"leaf @include(if: true)", ""}, {"__schema", "Query"}, {"... on B", "B"}, {"... on C", "C"}, {"name(n: 1, n: 2)", ""}},
}

var plainArguments = []string{
	"n: 1", "n: $v", "n: 5000000000", "n: null", "n: 1.5", "s: \"x\"", "s: 1", "s: $v", "f: 1", "f: 1e400", "f: 2.5", "i: 7", "i: \"x\"", "i: $w", "i: 99999999999999999999",
	"b: true", "b: \"true\"", "c: RED", "c: BLUE", "c: \"RED\"", "list: 1", "list: [1]", "list: $v", "in: {n: 1}", "in: $v", "at: 1", "at: \"x\"", "at: X", "other: 1", "s: \"\"\"x\"\"\"",
}

// plainSelections returns a selection set on a type, which is valid more often than not.
func plainSelections(t *rapid.T, typ string, depth int) string {
	var b strings.Builder
	b.WriteString(" {")
	for i := range rapid.IntRange(1, 3).Draw(t, "selections") {
		choices := plainChoices[typ]
		if rapid.IntRange(0, 29).Draw(t, "wrong") == 0 {
			choices = plainChoices[""]
		}
		choice := rapid.SampledFrom(choices).Draw(t, "selection")
		if choice[1] != "" && depth > 3 {
			choice = [2]string{"__typename", ""}
		}
		alias := fmt.Sprintf("f%d_%d: ", depth, i)
		if rapid.IntRange(0, 2).Draw(t, "own name") == 0 {
			alias = rapid.SampledFrom([]string{"", "x: "}).Draw(t, "alias")
		}
		if strings.HasPrefix(choice[0], "...") {
			alias = ""
		}
		b.WriteString(" " + alias + strings.Replace(choice[0], "ARG", rapid.SampledFrom(plainArguments).Draw(t, "argument"), 1))
		if choice[1] != "" {
			b.WriteString(plainSelections(t, choice[1], depth+1))
		}
	}
	return b.String() + " }"
}
