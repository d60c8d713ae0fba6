package constraint_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"souk/internal/constraint"
)

// limits returns the limits of a directive with the given arguments.
func limits(t *testing.T, arguments string) (*constraint.Limits, error) {
	t.Helper()
	schema, err := gqlparser.LoadSchema(&ast.Source{Input: `
		directive @constraint(minimum: Int, maximum: Int, minLength: Int, maxLength: Int, text: Form, pattern: String, hint: String, minItems: Int, maxItems: Int, nullable: Boolean, other: Int) on ARGUMENT_DEFINITION
		enum Form { LINE WORDS LINES NONE }
		type Query { a(b: String @constraint(` + arguments + `)): Int }`})
	if err != nil {
		t.Fatal(err)
	}
	return constraint.Of(schema.Query.Fields.ForName("a").Arguments.ForName("b").Directives)
}

func TestTextHasItsLengthAndForm(t *testing.T) {
	for _, test := range []struct {
		arguments, text string
		valid           bool
	}{
		{arguments: "minLength: 1, maxLength: 3", text: "äöü", valid: true},
		{arguments: "minLength: 1, maxLength: 3", text: "äöüß"},
		{arguments: "minLength: 1, maxLength: 3", text: ""},
		{arguments: "text: LINE", text: "", valid: true},
		{arguments: "text: LINE", text: "a b\u00a0c", valid: true},
		{arguments: "text: LINE", text: "a\nb"},
		{arguments: "text: LINE", text: "a\ufffdb"},
		{arguments: "text: LINE", text: "a\u0085b"},
		{arguments: "text: LINES", text: "a\n\tb", valid: true},
		{arguments: "text: LINES", text: "a\rb"},
		{arguments: "text: WORDS", text: " a ", valid: true},
		{arguments: "text: WORDS", text: " \u00a0\u2003\u3000"},
		{arguments: "text: WORDS", text: "a\x00"},
		{arguments: `pattern: "^[A-Z]{2}$"`, text: "DE", valid: true},
		{arguments: `pattern: "^[A-Z]{2}$"`, text: "DE\n"},
	} {
		l, err := limits(t, test.arguments)
		if err != nil {
			t.Fatal(err)
		}
		if problem, _ := l.Text(test.text); (problem == "") != test.valid {
			t.Errorf("%s: %q is %q", test.arguments, test.text, problem)
		}
	}
}

func TestHintReplacesThePattern(t *testing.T) {
	for arguments, want := range map[string]string{
		`pattern: "^[A-Z]{2}$"`:                       "text that matches ^[A-Z]{2}$",
		`pattern: "^[A-Z]{2}$", hint: "two capitals"`: "two capitals",
	} {
		l, err := limits(t, arguments)
		if err != nil {
			t.Fatal(err)
		}
		if problem, hint := l.Text("de"); problem != "has an invalid form" || hint != want {
			t.Errorf("%s: got %q, %q, want the hint %q", arguments, problem, hint, want)
		}
		if problem, hint := l.Text("\xff"); !strings.Contains(problem, "UTF-8") || hint != "text in UTF-8" {
			t.Errorf("not UTF-8: got %q, %q", problem, hint)
		}
	}
}

func TestNumbersAndListsHaveBounds(t *testing.T) {
	l, err := limits(t, "minimum: 0, maximum: 10, minItems: 1, maxItems: 2")
	if err != nil {
		t.Fatal(err)
	}
	for number, valid := range map[json.Number]bool{"0": true, "10": true, "9.99": true, "-1": false, "10.01": false, "1e3": false} {
		if problem, _ := l.Number(number); (problem == "") != valid {
			t.Errorf("%s is %q", number, problem)
		}
	}
	for n, valid := range map[int]bool{0: false, 1: true, 2: true, 3: false} {
		if problem, _ := l.Items(n); (problem == "") != valid {
			t.Errorf("%d items: %q", n, problem)
		}
	}
}

func TestUnreadableLimitsAreErrors(t *testing.T) {
	for arguments, says := range map[string]string{`pattern: "("`: "pattern", "text: NONE": "form", "other: 1": "unknown"} {
		if _, err := limits(t, arguments); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got error %v", arguments, err)
		}
	}
}
