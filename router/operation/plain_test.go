package operation_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"souk/router/operation"
)

// plainSDL has what arguments and selections of plain documents can be of.
const plainSDL = `
type Query { a(n: Int!, s: String = "x", f: Float, i: ID, b: Boolean, c: Colour, list: [Int!], in: In, ins: [[In!]], one: One, at: Date): A b: [B!]! n: Node u: U leaf: Int }
type Mutation { a: A }
type Subscription { a: A b: Int }
interface Node { id: ID! name(n: Int): String }
type A implements Node { id: ID! name(n: Int): String a: A n: Node }
type B implements Node { id: ID! name(n: Int): String u: U }
type C { id: Int }
union U = A | C
enum Colour { RED GREEN }
input In { n: Int! s: [String!] = ["x"] in: In c: Colour = RED }
input One @oneOf { a: Int b: String }
scalar Date
directive @custom(n: Int! = 1, in: [In]) repeatable on FIELD | FRAGMENT_SPREAD
directive @query on QUERY | FRAGMENT_DEFINITION | VARIABLE_DEFINITION`

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
		text := plainSelections(t, root, 0)
		text += plainFragments(t, text)
		text = strings.ToLower(root) + " Name" + plainVariables(t, text) + text
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
		for _, given := range []string{`{}`, `{"b":true,"n":1}`, `{"b":false,"in":{"n":1}}`} {
			a, errOne := one.Variables([]byte(given))
			b, errTwo := two.Variables([]byte(given))
			if fmt.Sprint(errOne, a) != fmt.Sprint(errTwo, b) {
				t.Fatalf("%s with %s\nalone: %v, %s\nwith another operation: %v, %s", text, given, errOne, a, errTwo, b)
			}
			if a, b := one.Operation(a).String(), two.Operation(b).String(); a != b {
				t.Fatalf("%s with %s\nalone:\n%s\nwith another operation:\n%s", text, given, a, b)
			}
		}
	}
	for range 20 { // one document in three is valid
		rapid.Check(t, check)
	}
	if valid < 100 {
		t.Errorf("only %d documents were valid", valid)
	}
}

// plainTypes are types that variables may have, the first of which fits in most places.
var plainTypes = map[string][]string{
	"v": {"Int!", "Int", "Int = 1", "String", "[Int!]", "In!", "A"}, "w": {"ID", "ID!", "String"}, "n": {"Int!", "Int = 3", "Int! = 3", "Int = null", "Int = 5000000000", "Int @query", "Int"},
	"b": {"Boolean = true", "Boolean! = false", "Boolean!", "Boolean", "Boolean = null"}, "in": {"In", "In!", "In = {n: 1, s: []}", "In = {s: null}"},
	"list": {"[Int!]", "[Int!]! = [1, 2]", "[Int!] = 1", "[Int!] = [null]"},
}

// plainVariables returns the definitions of the variables in a text, more or less.
func plainVariables(t *rapid.T, text string) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(plainTypes)) {
		used := strings.Contains(text, "$"+name+")") || strings.Contains(text, "$"+name+",") || strings.Contains(text, "$"+name+"]") || strings.Contains(text, "$"+name+"}")
		if rapid.IntRange(0, 59).Draw(t, "wrong") == 23 {
			used = !used
		}
		if used {
			list = append(list, "$"+name+": "+mostly(t, plainTypes[name][:1], plainTypes[name][1:]))
		}
	}
	if len(list) == 0 {
		return ""
	}
	return "(" + strings.Join(list, " ") + ")"
}

// plainFragments returns the definitions of the fragments that a text spreads, and at times of others.
func plainFragments(t *rapid.T, text string) string {
	made, earlier := "", []string{}
	for _, typ := range []string{"Query", "Node", "U", "A", "B", "C"} {
		name := "F" + typ
		earlier = append(earlier, "..."+name+" ", "__typename ")
		if !strings.Contains(text+made, "..."+name+" ") && rapid.IntRange(0, 99).Draw(t, "unused") != 57 {
			continue
		}
		set := plainSelections(t, typ, 2)
		if rapid.IntRange(0, 29).Draw(t, "cycle") != 23 {
			set = strings.NewReplacer(earlier...).Replace(set)
		}
		head := " fragment " + name + " on "
		made += mostly(t, []string{head + typ}, []string{head + "A", head + typ + " @query", head + "Date"}) + set
	}
	return made
}

// plainChoices are selections on the types of plainSDL with the types of what they select.
var plainChoices = map[string][][2]string{
	"Query":    {{"a(n: 1)", "A"}, {"a(n: 1, ARG)", "A"}, {"a(n: 2, ARG)", "A"}, {"b", "B"}, {"n", "Node"}, {"u", "U"}, {"leaf", ""}, {"__typename", ""}, {"leaf @DIRECTIVE", ""}, {"...FQuery", ""}},
	"Mutation": {{"a", "A"}}, "Subscription": {{"a", "A"}, {"b", ""}},
	"Node": {{"id", ""}, {"name", ""}, {"name(n: 1)", ""}, {"... on A", "A"}, {"... on B", "B"}, {"...", "Node"}, {"...FNode @FRAGMENT", ""}, {"...FA", ""}, {"...FB", ""}},
	"A":    {{"id", ""}, {"name(n: 3)", ""}, {"a", "A"}, {"n", "Node"}, {"... on Node", "Node"}, {"... on U", "U"}, {"a @DIRECTIVE", "A"}, {"...FA", ""}, {"...FA", ""}, {"...FNode", ""}},
	"B":    {{"id", ""}, {"name", ""}, {"u", "U"}, {"... on Node", "Node"}, {"...FB @FRAGMENT", ""}, {"...FU", ""}},
	"C":    {{"id", ""}, {"...FC", ""}}, "U": {{"__typename", ""}, {"... on A", "A"}, {"... on C", "C"}, {"... on Node @FRAGMENT", "Node"}, {"...FU", ""}, {"...FC", ""}, {"... @FRAGMENT", "U"}},
	// These are errors, or documents that are not plain.
	"": {{"a", "A"}, {"a(ARG)", "A"}, {"b", ""}, {"id", ""}, {"id", "C"}, {"name(n: $v)", ""}, {"leaf @include(if: true)", ""}, {"__schema", "Query"}, {"... on B", "B"}, {"... on C", "C"}, {"name(n: 1, n: 2)", ""}, {"...FA", ""}, {"...FOther", ""}},
}

var plainArguments = [][]string{{
	"s: \"x\"", "s: \"\"\"x\"\"\"", "s: \"\\n\"", "f: 1", "f: 2.5", "i: 7", "i: \"x\"", "i: $w", "i: 99999999999999999999", "b: true", "b: $b", "c: RED", "c: null", "list: [1]", "list: $list", "list: []", "list: null", "list: [1, $v]",
	"in: {n: 1}", "in: $in", "in: {n: $v}", "in: {n: 1, c: GREEN}", "in: {n: 1, s: [\"x\"], in: {n: 2}}", "ins: [[{n: 1}], null]", "ins: [[$in]]", "one: {a: 1}", "at: 1", "at: \"x\"", "at: X", "at: {n: [1]}",
}, {
	"n: 1", "n: $v", "n: 5000000000", "n: null", "n: 1.5", "s: 1", "s: $v", "f: 1e400", "b: \"true\"", "c: BLUE", "c: \"RED\"", "list: 1", "list: $v", "list: [[1]]", "list: [null]", "list: [\"x\"]", "list: [$n]",
	"in: $v", "in: {}", "in: {n: null}", "in: {n: 1, n: 2}", "in: {n: 1, s: \"x\"}", "in: {n: 1, x: 2}", "in: [{n: 1}]", "in: {n: $n}", "ins: [{n: 1}]", "one: {a: 1, b: \"x\"}", "one: {a: null}", "one: {b: $v}", "at: $v", "other: 1",
}}

// plainDirectives are those of fields, of fragments, and others.
var plainDirectives = [][]string{{
	"include(if: true)", "include(if: $b)", "skip(if: $b)", "skip(if: false)", "skip(if: $b) @include(if: $b)", "custom", "custom(n: $v) @custom(n: 2, in: [{n: 1}])",
}, {
	"include(if: true)", "include(if: $b)", "skip(if: $b)", "defer", "defer(label: \"x\")", "defer(if: $b)", "defer(label: \"y\", if: true) @skip(if: false)",
}, {
	"include(if: 1)", "include", "include(if: true) @include(if: true)", "other", "query", "deprecated", "defer(label: $v)", "defer(label: null)", "custom(x: 1)", "skip(if: null)", "custom(n: $n)",
}}

// mostly returns one of the texts that are valid more often than not, or one of others.
func mostly(t *rapid.T, valid, others []string) string {
	if rapid.IntRange(0, 29).Draw(t, "wrong") == 23 {
		valid = others
	}
	return rapid.SampledFrom(valid).Draw(t, "text")
}

// plainSelections returns a selection set on a type, which is valid more often than not.
func plainSelections(t *rapid.T, typ string, depth int) string {
	var b strings.Builder
	b.WriteString(" {")
	for i := range rapid.IntRange(1, 3).Draw(t, "selections") {
		choices := plainChoices[typ]
		if rapid.IntRange(0, 49).Draw(t, "wrong") == 23 {
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
		chosen := strings.Replace(choice[0], "ARG", mostly(t, plainArguments[0], plainArguments[1]), 1)
		chosen = strings.Replace(chosen, "DIRECTIVE", mostly(t, plainDirectives[0], plainDirectives[2]), 1)
		b.WriteString(" " + alias + strings.Replace(chosen, "FRAGMENT", mostly(t, plainDirectives[1], plainDirectives[2]), 1))
		if choice[1] != "" {
			b.WriteString(plainSelections(t, choice[1], depth+1))
		}
	}
	return b.String() + " }"
}
