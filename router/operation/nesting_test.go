package operation_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"souk/router/operation"
)

const nestingSDL = "input I { i: I l: [[[Int]]] } type Query { a(i: I, s: String): Query b: Int }"

// parsedWith returns the codes of the errors of a document under a limit on its recursion.
func parsedWith(t *testing.T, limit int, text string) (codes []string, where operation.Location) {
	t.Helper()
	s := nestingSchema(t)
	s.Limits.Recursion, s.Limits.Depth = limit, 0
	_, err := s.Parse(text, "")
	var list operation.Errors
	if errors.As(err, &list) {
		for _, e := range list {
			codes = append(codes, e.Code)
			if len(e.Locations) > 0 {
				where = e.Locations[0]
			}
		}
	}
	return codes, where
}

// A document may nest exactly as deep as the limit, whatever strings and comments look like.
func TestRecursionCountsWhatTheParserNests(t *testing.T) {
	for text, deep := range map[string]int{
		"{ b }":                                             1,
		"{ a { a { b } } }":                                 3,
		"{ a { b } x: a { b } }":                            2,
		"{ ... on Query { a { b } } }":                      3,
		"{ a(i: {i: {l: [[[1]]]}}) { b } }":                 6,
		"query($v: [[[Int]]]) { a(i: {l: $v}) { b } }":      3,
		"{ a { b } } fragment F on Query { a { a { b } } }": 3,
		`{ a(s: "{{{[[[\"{{{\\") { b } }`:                   2,
		`{ a(s: """{{{ " \""" [[[ "" {{""") { b } }`:        2,
		"# {{{{[[[[ \"\n{ b # \"\"\" {{{\n\r# {{{\r }":      1,
		`{ a(s: "") { b } y: a(s: """""") { b } }`:          2,
	} {
		if got, _ := parsedWith(t, deep, text); strings.Contains(fmt.Sprint(got), "MAX_RECURSION") {
			t.Errorf("%s: %v with the limit %d", text, got, deep)
		}
		if deep == 1 {
			continue
		}
		if got, _ := parsedWith(t, deep-1, text); len(got) != 1 || got[0] != "MAX_RECURSION_LIMIT" {
			t.Errorf("%s: %v with the limit %d", text, got, deep-1)
		}
	}
	if _, where := parsedWith(t, 2, "{ a {\r\n # é\n é: a { b } } }"); where != (operation.Location{Line: 3, Column: 7}) {
		t.Errorf("the location is %v", where)
	}
}

// A generated document is refused exactly if it nests deeper than the limit.
func TestRecursionOfAnyDocument(t *testing.T) {
	s := nestingSchema(t)
	rapid.Check(t, func(t *rapid.T) {
		deepest := 0
		var value, set func(depth int) string
		value = func(depth int) string {
			deepest = max(deepest, depth)
			if n := rapid.IntRange(0, 4).Draw(t, "value"); depth < 9 && n == 0 {
				return "{i: " + value(depth+1) + "}"
			} else if n == 1 {
				return `{s: "}{\"[", # {[` + "\n i: null}"
			}
			deepest = max(deepest, depth+1)
			return "{l: []}"
		}
		set = func(depth int) string {
			deepest = max(deepest, depth)
			if depth < 9 && rapid.Bool().Draw(t, "deeper") {
				argument := ""
				if rapid.Bool().Draw(t, "argument") {
					argument = "(i: " + value(depth+1) + ")"
				}
				return "{ a" + argument + set(depth+1) + " }"
			}
			return "{ b }"
		}
		text := set(1)
		s.Limits.Recursion, s.Limits.Depth = rapid.IntRange(1, 12).Draw(t, "limit"), 0
		_, err := s.Parse(text, "")
		var list operation.Errors
		refused := errors.As(err, &list) && list[0].Code == "MAX_RECURSION_LIMIT"
		if refused != (deepest > s.Limits.Recursion) {
			t.Fatalf("%s nests %d levels; limit %d: %v", text, deepest, s.Limits.Recursion, err)
		}
	})
}

// The parser has a limit of its own, which has the same code.
func TestRecursionIsBoundedWithoutALimit(t *testing.T) {
	got, _ := parsedWith(t, 0, strings.Repeat("{ a", operation.MaxRecursion+1)+strings.Repeat("}", operation.MaxRecursion+1))
	if len(got) != 1 || got[0] != "MAX_RECURSION_LIMIT" {
		t.Errorf("got %v", got)
	}
}

func nestingSchema(t *testing.T) *operation.Schema {
	t.Helper()
	s, err := operation.NewSchema(nestingSDL)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
