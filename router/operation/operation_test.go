package operation_test

import (
	"testing"

	"souk/router/operation"
)

func TestOperationText(t *testing.T) {
	sdl := `type Query { me: User node(id: ID!): Node u: U products(first: Int = 3, in: In): [Product!]! } interface Node { id: ID! } type User implements Node { id: ID! name: String friends: [User!] } type Product implements Node { id: ID! title(lang: L = EN): String }
union U = User | Product enum L { EN DE } input In { a: Int! b: [String!] c: In } `
	s, err := operation.NewSchema(sdl)
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.Parse(`query A($x: Boolean = false, $in: In) { me { ...F id friends { id } } ...Q me { friends { name } } u { ... on Node { id ... on User { name } } ... on User { name } ... on U { __typename } } products(in: $in) @skip(if: $x) { ... @defer(label:"z") { title } } }
fragment F on User { name ... on Node { id ... on User { id } } } fragment Q on Query { me { id } }`, "")
	if err != nil {
		t.Fatal(err)
	}
	v, err := d.Variables([]byte(`{"in":{"a":5,"b":"q"}}`))
	if err != nil {
		t.Fatal(err)
	}
	const want = `query($in: In){me{name id friends{id name}} u{... on Node{id ... on User{name}} ... on User{name} __typename} products(in: $in){... @defer(label: "z"){title}}}`
	if got := d.Operation(v).Key(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
