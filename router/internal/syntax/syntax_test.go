package syntax_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"souk/router/internal/syntax"
	"souk/router/internal/syntax/syntaxtest"
)

// valuesInQuery parses a document that has a literal in all places, and returns their values.
func valuesInQuery(t *testing.T, literal string) map[string]string {
	t.Helper()
	text := strings.ReplaceAll("# \"\"\" é\n LIT query Q(LIT $v: [In] = [{a: \"s\\\"\", b: LIT}] @d(x: LIT), $w: Int) @d(x: LIT) {\n"+
		"  é: f(a: LIT, b: \"\\\"\\\"\\\"\", c: [LIT, \"é\", LIT]) @d(x: LIT) { g }\n  ... on T @d(x: LIT) { g(a: LIT) }\n  ...F @d(x: LIT)\n}\n"+
		"LIT fragment F on T @d(x: LIT) { g(a: LIT) }\n", "LIT", literal)
	text = strings.ReplaceAll(text, "é: f", "e: f")
	doc, err := syntax.Query(&ast.Source{Input: text}, 0)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	op, fragment := doc.Operations[0], doc.Fragments[0]
	variable := op.VariableDefinitions[0]
	field, inline, spread := op.SelectionSet[0].(*ast.Field), op.SelectionSet[1].(*ast.InlineFragment), op.SelectionSet[2].(*ast.FragmentSpread)
	if b := field.Arguments[1].Value.Raw; b != `"""` || field.Arguments[2].Value.Children[1].Value.Raw != "é" {
		t.Errorf("other strings have changed: %q", b)
	}
	if d := op.VariableDefinitions[1].Description; d != "" {
		t.Errorf("a variable without a description has %q", d)
	}
	first := func(d ast.DirectiveList) string { return d[0].Arguments[0].Value.Raw }
	return map[string]string{
		"description of an operation": op.Description, "description of a variable": variable.Description, "description of a fragment": fragment.Description,
		"default":             variable.DefaultValue.Children[0].Value.Children[1].Value.Raw,
		"directive, variable": first(variable.Directives), "directive, operation": first(op.Directives), "directive, field": first(field.Directives),
		"directive, inline fragment": first(inline.Directives), "directive, spread": first(spread.Directives), "directive, fragment": first(fragment.Directives),
		"argument": field.Arguments[0].Value.Raw, "list": field.Arguments[2].Value.Children[0].Value.Raw, "end of a list": field.Arguments[2].Value.Children[2].Value.Raw,
		"inline fragment": inline.SelectionSet[0].(*ast.Field).Arguments[0].Value.Raw, "fragment": fragment.SelectionSet[0].(*ast.Field).Arguments[0].Value.Raw,
	}
}

// valuesInSchema does so for an SDL.
func valuesInSchema(t *testing.T, literal string) map[string]string {
	t.Helper()
	text := strings.ReplaceAll(`# é """
LIT schema @d(x: LIT) { query: Query }
LIT directive @d(LIT x: String = LIT) repeatable on OBJECT
LIT type Query @d(x: LIT) {
  LIT f(LIT a: String = LIT @d(x: LIT), "é" b: Int): Int @d(x: LIT)
  g: Int
  "short" h: Int
}
LIT enum E @d(x: LIT) { LIT A @d(x: LIT) B }
LIT input I { LIT a: String = LIT @d(x: LIT) }
LIT union U @d(x: LIT) = Query
LIT scalar S @d(x: LIT)
LIT interface N @d(x: LIT) { LIT f: Int }
extend type Query @d(x: LIT) { LIT i: Int }
type Last { a: Int }
`, "LIT", literal)
	doc, err := syntax.Schema(&ast.Source{Input: text}, 0)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	values := map[string]string{}
	directives := func(of string, list ast.DirectiveList) {
		for _, d := range list {
			values[of+" @d"] = d.Arguments[0].Value.Raw
		}
	}
	values["schema"], values["@d"], values["@d x"], values["@d x ="] = doc.Schema[0].Description, doc.Directives[0].Description, doc.Directives[0].Arguments[0].Description, doc.Directives[0].Arguments[0].DefaultValue.Raw
	directives("schema", doc.Schema[0].Directives)
	f := doc.Definitions.ForName("Query").Fields[0]
	values["argument"], values["argument ="] = f.Arguments[0].Description, f.Arguments[0].DefaultValue.Raw
	directives("argument", f.Arguments[0].Directives)
	input := doc.Definitions.ForName("I").Fields[0]
	values["input ="] = input.DefaultValue.Raw
	for _, d := range append(append(ast.DefinitionList{}, doc.Definitions...), doc.Extensions...) {
		if d.Name != "Last" && !slices.Contains(doc.Extensions, d) {
			values[d.Name] = d.Description
		}
		directives(d.Name, d.Directives)
		for _, field := range d.Fields {
			switch {
			case d.Name == "Last", field.Name == "g":
				if field.Description != "" {
					t.Errorf("%s.%s has the description %q", d.Name, field.Name, field.Description)
				}
			case field.Name == "h":
				if field.Description != "short" {
					t.Errorf("h has the description %q", field.Description)
				}
			default:
				values[d.Name+"."+field.Name] = field.Description
				directives(d.Name+"."+field.Name, field.Directives)
			}
		}
	}
	a := doc.Definitions.ForName("E").EnumValues
	values["A"] = a[0].Description
	directives("A", a[0].Directives)
	if a[1].Description != "" || f.Arguments[1].Description != "é" || doc.Definitions.ForName("Last").Description != "" {
		t.Errorf("other descriptions have changed: %q, %q", a[1].Description, f.Arguments[1].Description)
	}
	if len(values) != 28 {
		t.Fatalf("got %d values", len(values))
	}
	return values
}

func check(t *testing.T, literal, want string) {
	t.Helper()
	for _, values := range []map[string]string{valuesInQuery(t, literal), valuesInSchema(t, literal)} {
		for place, got := range values {
			if got != want {
				t.Errorf("%s: %q is %q, want %q", place, literal, got, want)
			}
		}
	}
}

// The first line of a block string is not part of its common indentation (GraphQL, section 2.9.4).
func TestBlockStringsHaveTheValuesOfTheSpecification(t *testing.T) {
	for literal, want := range map[string]string{
		"\"\"\"block\n lines\"\"\"":               "block\nlines",
		"\"\"\"block\n   a\n  b\"\"\"":            "block\n a\nb",
		"\"\"\"\n   a\n  b\n\"\"\"":               " a\nb",
		"\"\"\"block\n lines\n\"\"\"":             "block\nlines",
		"\"\"\" block\n  lines\"\"\"":             " block\nlines",
		"\"\"\"a\r\n  b\r  \\\"\"\"\n\n \t\"\"\"": "a\nb\n\"\"\"",
		"\"\"\"one line\"\"\"":                    "one line",
		"\"\"\"é\n  \"x\n\t\n  y\"\"\"":           "é\n\"x\n\ny",
	} {
		check(t, literal, want)
	}
}

func TestBlockStringsHaveTheValuesOfGraphQLJS(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	literals := make([]string, 3000)
	for i := range literals {
		literals[i] = syntaxtest.Block(r)
	}
	for i, want := range syntaxtest.GraphQLJS(t, ".", literals, nil).Values {
		check(t, literals[i], want)
	}
}

// A document without wrong values costs nothing more.
func TestOtherDocumentsAllocateNothing(t *testing.T) {
	for _, text := range []string{`{ f(a: "b") }`, "\"\"\"\ndescription\n\"\"\" query Q { f }"} {
		parsed := testing.AllocsPerRun(10, func() { _, _ = syntax.Query(&ast.Source{Input: text}, 0) })
		if again := testing.AllocsPerRun(10, func() { _, _ = parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, 0) }); parsed > again {
			t.Errorf("%s: %v allocations, %v without corrections", text, parsed, again)
		}
	}
}

func FuzzQuery(f *testing.F) {
	f.Add("{ a(b: \"\"\"x\n y\"\"\") }")
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := syntax.Query(&ast.Source{Input: text}, 1000)
		if err == nil && doc == nil {
			t.Error("got no document")
		}
		_, _ = syntax.Schema(&ast.Source{Input: text}, 1000)
	})
}
