package operation_test

import (
	"strings"
	"testing"

	"souk/router/operation"
)

const redactSchema = `
type Query { user(login: String!, first: Int, in: In): User }
type User { id: ID! name(upper: Boolean): String friends(first: Int): [User!]! }
input In { token: String deep: In list: [String!] }
`

func TestRedactedDocumentsHaveNoValues(t *testing.T) {
	r, err := operation.NewRedactor(redactSchema)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		`{ user(login: "SECRET", first: 4711) { id name(upper: true) } }`,
		`query A { user(login: """SECRET""") { ...F } } fragment F on User { friends(first: 4711) { id } }`,
		`query A($l: String!) { user(login: $l, in: {token: "SECRET", deep: {list: ["SECRET"]}}) { id } } query B { user(login: "SECRET") { id } }`,
		"query A { # SECRET\n user(login: \"SECRET\") { id @skip(if: false) } }",
	} {
		got, err := r.Redact(text, "")
		if err != nil {
			t.Errorf("%s: got error %v", text, err)
		}
		if strings.Contains(got, "SECRET") || strings.Contains(got, "4711") || !strings.Contains(got, "user(login: $") {
			t.Errorf("Redact(%s) =\n%s", text, got)
		}
	}
}

func TestDocumentsDifferingInValuesRedactToTheSameText(t *testing.T) {
	r, err := operation.NewRedactor(redactSchema)
	if err != nil {
		t.Fatal(err)
	}
	const want = `query A($a: String!, $b: Int){user(login: $a){friends(first: $b){id}}}`
	for _, text := range []string{
		`query A { user(login: "x") { friends(first: 1) { id } } }`,
		`query A { user(login: "yy") { ... on User { friends(first: 20) { id } } } }`,
		`query A { user(login: "") { ...F } } fragment F on User { friends(first: 0) { id } }`,
	} {
		if got, err := r.Redact(text, "A"); err != nil || strings.ReplaceAll(got, " {", "{") != want {
			t.Errorf("%s: got %s, err %v", text, got, err)
		}
	}
}
