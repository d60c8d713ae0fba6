package extract_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"souk/router/documents"
	"souk/router/documents/extract"
	"souk/router/internal/syntax/syntaxtest"
)

// TestRandomDocumentsArePrintedAsByGraphQLJS compares the texts of documents with what graphql-js
// prints. Their IDs are digests of them.
func TestRandomDocumentsArePrintedAsByGraphQLJS(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	texts := make([]string, 2000)
	for i := range texts {
		texts[i] = randomDocument(r)
	}
	for i, want := range syntaxtest.GraphQLJS(t, "../../internal/syntax", nil, texts).Documents {
		list, err := extract.Documents([]documents.File{file("a.graphql", texts[i])}, extract.Options{})
		if err != nil {
			t.Fatalf("%v\n%s", err, texts[i])
		}
		if list[0].Body != want || list[0].ID != documents.ID(want) {
			t.Fatalf("%s\ngot\n%s\nwant\n%s", texts[i], list[0].Body, want)
		}
	}
}

// randomDocument returns a document with an operation and a fragment.
func randomDocument(r *rand.Rand) string {
	description := func() string {
		switch r.IntN(4) {
		case 0:
			return syntaxtest.Block(r) + "\n"
		case 1:
			return `"what it \"is\"" `
		}
		return ""
	}
	variables := func() string {
		if r.IntN(3) == 0 {
			return ""
		}
		var list []string
		for i := range 1 + r.IntN(3) {
			text := described(description()) + fmt.Sprintf("$v%d: [String!]", i)
			if r.IntN(2) == 0 {
				text += " = " + randomValue(r, 2, false)
			}
			list = append(list, text+directives(r, false))
		}
		return "(" + strings.Join(list, " ") + ")"
	}
	kind := []string{"query", "mutation", "subscription"}[r.IntN(3)]
	return "# comment\n" + described(description()) + kind + " Q" + variables() + randomDirectives(r) + randomSelections(r, 3, true) +
		described(description()) + "fragment F on T" + randomDirectives(r) + randomSelections(r, 2, false)
}

// described leaves out empty descriptions, which the parser does not tell from none.
func described(text string) string {
	if strings.Trim(text, "\" \t\r\n") == "" {
		return ""
	}
	return text
}

func randomSelections(r *rand.Rand, depth int, spread bool) string {
	var out strings.Builder
	out.WriteString(" {\n")
	for i := range 1 + r.IntN(3) {
		switch kind := r.IntN(6); {
		case kind == 0 && depth > 0:
			out.WriteString("...")
			if r.IntN(2) == 0 {
				out.WriteString(" on T")
			}
			out.WriteString(randomDirectives(r) + randomSelections(r, depth-1, spread))
		case r.IntN(3) == 0:
			fmt.Fprintf(&out, "alias%d: ", i)
			fallthrough
		default:
			fmt.Fprintf(&out, "field%d%s%s", i, randomArguments(r, true), randomDirectives(r))
			if depth > 0 && r.IntN(2) == 0 {
				out.WriteString(randomSelections(r, depth-1, spread))
			}
		}
		out.WriteString("\n")
	}
	if spread {
		out.WriteString("...F" + randomDirectives(r))
	}
	return out.String() + "}\n"
}

func randomDirectives(r *rand.Rand) string { return directives(r, true) }

func directives(r *rand.Rand, variables bool) string {
	if r.IntN(4) > 0 {
		return ""
	}
	return " @d" + randomArguments(r, variables)
}

func randomArguments(r *rand.Rand, variables bool) string {
	if r.IntN(2) == 0 {
		return ""
	}
	var list []string
	for i := range 1 + r.IntN(3) {
		list = append(list, fmt.Sprintf("a%d: %s", i, randomValue(r, 2, variables)))
	}
	return "(" + strings.Join(list, ", ") + ")"
}

func randomValue(r *rand.Rand, depth int, variables bool) string {
	simple := []string{"1", "-2.5e10", "null", "true", "ENUM", `"short"`, `""`, `"\n\t\"\\ \u00e9 é 😀"`, `"😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀"`, "[]", "{}"}
	switch kind := r.IntN(7); {
	case kind < 2:
		return syntaxtest.Block(r)
	case kind == 2 && depth > 0:
		return "[" + randomValue(r, depth-1, variables) + ", " + randomValue(r, depth-1, variables) + "]"
	case kind == 3 && depth > 0:
		return "{a: " + randomValue(r, depth-1, variables) + ", b: " + randomValue(r, depth-1, variables) + "}"
	case kind == 4 && variables:
		return "$v0"
	}
	return simple[r.IntN(len(simple))]
}
