package operation_test

import (
	"fmt"
	"strings"
	"testing"

	"souk/router/operation"
)

const redactSchema = `
directive @note(text: String, in: In) on QUERY | FIELD | INLINE_FRAGMENT | VARIABLE_DEFINITION
scalar JSON
type Query { user(login: String! = "x", first: Int, in: In, ins: [In!], json: JSON, role: Role): User node(id: ID!): Node }
interface Node { id: ID! }
type User implements Node { id: ID! name(upper: Boolean): String friends(first: Int): [User!]! }
type Pet implements Node { id: ID! name(length: Int): String }
enum Role { ADMIN GUEST }
input In { token: String deep: In list: [String!] }
`

func redacted(t *testing.T, s *operation.Schema, text, name string) string {
	t.Helper()
	d, err := s.Parse(text, name)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return d.Redacted()
}

func newRedactSchema(t testing.TB) *operation.Schema {
	t.Helper()
	s, err := operation.NewSchema(redactSchema)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestRedactedDocumentsHaveNoValues: what is left is valid, and redacting it changes nothing.
func TestRedactedDocumentsHaveNoValues(t *testing.T) {
	s := newRedactSchema(t)
	for _, text := range []string{
		`{ user(login: "SECRET", first: 4711) { id name(upper: true) } }`,
		`query A { user(login: """SECRET""") { ...F } } fragment F on User { friends(first: 4711) { id } }`,
		`query A($l: String!) { user(login: $l, in: {token: "SECRET", deep: {list: ["SECRET"]}}) { id } } query B { user(login: "SECRET") { id } }`,
		"query A { # SECRET\n user(login: \"SECRET\") { id @skip(if: false) } }",
		`query A($l: String = "SECRET", $in: In = {token: "SECRET"}) { user(login: $l, in: $in) { id } }`,
		`query A($a: String, $c: String!) { user(login: $c, in: {token: $a, list: ["SECRET", "4711"], deep: {token: "SECRET"}}) { id } }`,
		`query A($a: String) { user(login: "SECRET", ins: [{token: $a}, {token: "SECRET"}, {list: []}]) { id } }`,
		`query A($a: Int @note(text: "SECRET")) @note(text: "SECRET") { user(login: "SECRET", first: $a) { id @note(in: {token: "SECRET"}) ... @note(text: "SECRET") { name } } }`,
		`query A($x: Boolean = true) { user(login: "SECRET") { ... @defer(label: "SECRET", if: $x) { name } friends(first: 1) { id @skip(if: $x) } } }`,
		`{ user(login: "SECRET", json: {a: "SECRET"}, role: ADMIN) { friends(first: 4711) { id } friends(first: 4711) { name(upper: null) } } }`,
		`{ node(id: 4711) { ... on User { name(upper: true) } ... on Pet { name(length: 4711) } ... on Node { id } } __type(name: "SECRET") { name } }`,
	} {
		name := ""
		if strings.Contains(text, "query A") {
			name = "A"
		}
		got := redacted(t, s, text, name)
		if got == "" || strings.Contains(got, "SECRET") || strings.Contains(got, "4711") || strings.Contains(got, "ADMIN") {
			t.Errorf("%s: got %s", text, got)
			continue
		}
		if again := redacted(t, s, got, name); again != got {
			t.Errorf("%s: got %s, redacted again %s", text, got, again)
		}
	}
}

func TestDocumentsDifferingInValuesRedactToTheSameText(t *testing.T) {
	s := newRedactSchema(t)
	for want, texts := range map[string][]string{
		`query A($a: String!, $b: Int){user(login: $a){friends(first: $b){id}}}`: {
			`query A { user(login: "x") { friends(first: 1) { id } } }`,
			`query A { user(login: "yy") { ... on User { friends(first: 20) { id } } } }`,
			`query A { user(login: "") { ...F } } fragment F on User { friends(first: null) { id } }`,
			`query A($a: String!, $b: Int) { user(login: $a) { friends(first: $b) { id } } }`,
		},
		`query($b: String!, $a: In, $c: Int){user(login: $b, in: $a, first: $c){id}}`: {
			`query ($b: String = "x") { user(login: $b, in: {token: "x"}, first: 1) { id } }`,
			`query ($b: String = "y") { user(login: $b, in: {deep: {token: "x"}}, first: 2) { id } }`,
		},
		`{a: user(login: $a){id} b: user(login: $b){id}}`: {
			`{ a: user(login: "x") { id } b: user(login: "x") { id } }`,
			`{ a: user(login: "x") { id } b: user(login: "y") { id } }`,
		},
	} {
		for _, text := range texts {
			if got := redacted(t, s, text, ""); got != want && !strings.HasSuffix(got, want) {
				t.Errorf("%s: got %s, want %s", text, got, want)
			}
		}
	}
}

// TestDocumentsThatSelectSomethingElseRedactDifferently: their plans differ.
func TestDocumentsThatSelectSomethingElseRedactDifferently(t *testing.T) {
	s := newRedactSchema(t)
	seen := map[string]string{}
	for _, text := range []string{
		`{ user(login: "x") { id } }`, `{ user(login: "x") { name } }`, `{ a: user(login: "x") { id } }`, `query A { user(login: "x") { id } }`,
		`{ user(login: "x") { id @skip(if: true) name } }`, `{ user(login: "x") { id @skip(if: false) name } }`,
		`{ user(login: "x", first: 1) { id } }`, `query ($l: String!) { user(login: $l) { id } }`,
	} {
		got := redacted(t, s, text, "")
		if other, known := seen[got]; known || got == "" {
			t.Errorf("%s and %s: got %s", text, other, got)
		}
		seen[got] = text
	}
}

func TestDocumentsThatCannotBeRedacted(t *testing.T) {
	s := newRedactSchema(t)
	s.Limits.Fields = 0
	// Each fragment doubles the one before.
	bomb := "{ user(login: \"x\") { ...F0 } } fragment F40 on User { id }"
	for i := range 40 {
		bomb += fmt.Sprintf(" fragment F%d on User { ...F%d ...F%d }", i, i+1, i+1)
	}
	for _, text := range []string{bomb, `query ($a: String) { user(login: "x", json: {a: "SECRET", b: $a}) { id } }`} {
		if got := redacted(t, s, text, ""); got != "" {
			t.Errorf("%.100s: got %.1000s", text, got)
		}
	}
}

func FuzzRedact(f *testing.F) {
	s := newRedactSchema(f)
	f.Add(`query A($a: String) { user(login: "x", ins: [{token: $a}, {token: "y"}]) { friends(first: 1) { id } friends(first: 1) { id } } }`)
	f.Add(`{ node(id: 1) { ... on User @include(if: true) { name } ...F } } fragment F on Node { id }`)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := s.Parse(text, "")
		if err != nil {
			return
		}
		got := d.Redacted()
		if got == "" {
			return
		}
		again, err := s.Parse(got, "")
		if err != nil {
			t.Fatalf("%s: got %s, which is not valid: %v", text, got, err)
		}
		if text := again.Redacted(); text != got {
			t.Fatalf("got %s, redacted again %s", got, text)
		}
	})
}
