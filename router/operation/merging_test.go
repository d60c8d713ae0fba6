package operation

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
	"pgregory.net/rapid"
)

// TestMergingAgreesWithTheValidator compares the linear rule with the rule of
// the parser library, which compares all pairs, on documents with many
// conflicts.
func TestMergingAgreesWithTheValidator(t *testing.T) {
	sdl, err := os.ReadFile("testdata/schema.graphql")
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSchema(string(sdl))
	if err != nil {
		t.Fatal(err)
	}
	pairs := rules.NewRules(rules.OverlappingFieldsCanBeMergedRule)
	verdicts := map[bool]int{}
	rapid.Check(t, func(t *rapid.T) {
		text := document(t)
		doc, err := parser.ParseQuery(&ast.Source{Input: text})
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if errs := validator.ValidateWithRules(s.schema, doc, s.rules); len(errs) > 0 {
			t.Fatalf("%v\n%s", errs, text)
		}
		want := validator.ValidateWithRules(s.schema, doc, pairs)
		got := checkMerging(doc)
		if (len(got) > 0) != (len(want) > 0) {
			t.Fatalf("%s\ngot  %v\nwant %v", text, got, want)
		}
		verdicts[len(got) > 0]++
	})
	if verdicts[true] == 0 || verdicts[false] == 0 {
		t.Errorf("the documents were all valid or all invalid: %v", verdicts)
	}
}

// document draws a query in which many fields share few response keys.
func document(t *rapid.T) string {
	spreads := map[string]bool{}
	query := "{ " + selections(t, "Query", 4, spreads) + "}"
	for name := range spreads {
		query += fmt.Sprintf(" fragment %s on User { %s}", name, selections(t, "User", 1, map[string]bool{}))
	}
	return query
}

var drawable = map[string][]string{
	"Query":   {"me User", "node(id: 1) Node", "node(id: 2) Node", "search(text: \"\") Found", "numbers", "__typename"},
	"Node":    {"id", "__typename", "... on User User", "... on Named Named", "... on Box Box"},
	"Named":   {"id", "name", "... on User User", "... on Product Product", "... on Node Node"},
	"User":    {"id", "name", "best User", "friends User", "friends(first: 1) User", "... on Named Named", "...F", "...G"},
	"Product": {"id", "name", "title", "title(lang: EN)", "weight", "... on Node Node"},
	"Box":     {"id", "__typename"},
	"Found":   {"__typename", "... on User User", "... on Product Product", "... on Node Node"},
}

func selections(t *rapid.T, typ string, depth int, spreads map[string]bool) string {
	var b strings.Builder
	for range rapid.IntRange(1, 4).Draw(t, "selections") {
		choice := rapid.SampledFrom(drawable[typ]).Draw(t, "selection")
		at := strings.LastIndexByte(choice, ' ')
		inner := choice[at+1:]
		switch {
		case strings.HasPrefix(choice, "...") && at < 0:
			if depth < 2 {
				b.WriteString("id ")
				continue
			}
			spreads[choice[3:]] = true
			b.WriteString(choice + " ")
			continue
		case !strings.HasPrefix(choice, "..."):
			if alias := rapid.SampledFrom([]string{"", "", "x: ", "y: "}).Draw(t, "alias"); alias != "" {
				b.WriteString(alias)
			}
		}
		if at < 0 || drawable[inner] == nil {
			b.WriteString(choice + " ")
			continue
		}
		b.WriteString(choice[:at] + " { ")
		if depth > 1 {
			b.WriteString(selections(t, inner, depth-1, spreads))
		} else {
			b.WriteString("__typename ")
		}
		b.WriteString("} ")
	}
	return b.String()
}

// TestMergingTakesLinearTimeOrStops checks that the number of compared fields
// grows with the size of the document, not with its square, and that the check
// stops at maxMerging.
func TestMergingTakesLinearTimeOrStops(t *testing.T) {
	s, err := NewSchema("type Query { a: Query i: I x: Int } interface I { i: I x: Int } type T implements I { i: I x: Int } type U implements I { i: I x: Int }")
	if err != nil {
		t.Fatal(err)
	}
	s.Limits = Limits{}
	var fragments strings.Builder
	fragments.WriteString("{ ")
	for i := range 1000 {
		fmt.Fprintf(&fragments, "...F%d ", i)
	}
	fragments.WriteString("}")
	for i := range 1000 {
		fmt.Fprintf(&fragments, " fragment F%d on Query { x a { x } }", i)
	}
	types := "x"
	for range 14 {
		types = "x i { " + types + " } ... on T { i { x } } ... on U { i { x } }"
	}
	for name, c := range map[string]struct {
		text string
		most int
	}{
		"many leaves":             {text: "{ a { " + strings.Repeat("x ", 9000) + "} }", most: 20_000},
		"many objects":            {text: "{ " + strings.Repeat("a { x } ", 3000) + "}", most: 12_001},
		"many fragments":          {text: fragments.String(), most: 6000},
		"two types at each level": {text: "{ i { " + types + " } }", most: maxMerging + 100},
	} {
		doc, err := parser.ParseQuery(&ast.Source{Input: c.text})
		if err != nil {
			t.Fatal(err)
		}
		if errs := validator.ValidateWithRules(s.schema, doc, s.rules); len(errs) > 0 {
			t.Fatal(errs)
		}
		m := merging{left: maxMerging}
		if errs := m.check(doc); len(errs) > 0 && errs[0].Code != CodeMaxFields {
			t.Errorf("%s: got errors %v", name, errs)
		}
		if looked := maxMerging - m.left; looked > c.most {
			t.Errorf("%s: compared %d fields, want at most %d", name, looked, c.most)
		}
	}
}
