package lint_test

import (
	"slices"
	"strings"
	"testing"

	"souk/router/compose"
	"souk/router/lint"
)

// found returns the coordinates of the findings of one rule.
func found(t *testing.T, rule string, sdls ...string) string {
	t.Helper()
	var subgraphs []compose.Subgraph
	for i, sdl := range sdls {
		subgraphs = append(subgraphs, compose.Subgraph{Name: string(rune('a' + i)), SDL: sdl})
	}
	var off []string
	for _, r := range lint.Rules {
		if r.Name != rule {
			off = append(off, r.Name)
		}
	}
	findings, err := lint.Lint(subgraphs, off)
	if err != nil {
		t.Fatal(err)
	}
	var coordinates []string
	for _, f := range findings {
		coordinates = append(coordinates, f.Coordinate)
	}
	slices.Sort(coordinates)
	return strings.Join(coordinates, " ")
}

func TestListsWithoutALimit(t *testing.T) {
	const lists = `
type Query { all: [A] some(first: Int): [A] page(first: Int): Page mixed(first: Int): Mixed other: Mixed plain: [B] }
type Page { nodes: [A] }
type Mixed { nodes: [A] }
type A @key(fields: "id") { id: ID! own: [A] }
type B { id: ID! }
`
	for name, c := range map[string]struct{ other, want string }{
		"another subgraph adds a field":          {`type A @key(fields: "id") { id: ID! more: Int }`, "A.own Mixed.nodes Query.all"},
		"in an extension of Federation 1":        {`extend type A @key(fields: "id") { id: ID! @external more: Int }`, "A.own Mixed.nodes Query.all"},
		"with a key under its full name":         {`type A @federation__key(fields: "id") { id: ID! more: Int }`, "A.own Mixed.nodes Query.all"},
		"another subgraph has only the key":      {`type A @key(fields: "id") { id: ID! }`, ""},
		"the key cannot be resolved":             {`type A @key(fields: "id", resolvable: false) { id: ID! more: Int }`, ""},
		"the field is external":                  {`type A @key(fields: "id") { id: ID! more: Int @external }`, ""},
		"entities are resolved in batches":       {`type A @key(fields: "id") @entityResolver(multi: true) { id: ID! more: Int }`, ""},
		"entities are resolved one by one":       {`type A @key(fields: "id") @entityResolver(multi: false) { id: ID! more: Int }`, "A.own Mixed.nodes Query.all"},
		"the type is not an entity in the other": {`type A { more: Int }`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := found(t, "n-plus-one", lists, c.other); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestMissingKeys(t *testing.T) {
	for sdl, want := range map[string]string{
		`type Query { a: [A] } type A { id: ID! }`:                                           "A",
		`type Query { a: [A] } type A { id: ID }`:                                            "",
		`type Query { a: [A] one: A } type A { id: ID! }`:                                    "",
		`type Query { a: [A] } type A @key(fields: "id") { id: ID! }`:                        "",
		`type Query { a: [A] n: N } interface N { id: ID! } type A implements N { id: ID! }`: "",
		`type Query { a: [A] } input A { id: ID! }`:                                          "",
		`schema { query: Root } type Root { id: ID! all: [Root] }`:                           "",
	} {
		if got := found(t, "missing-key", sdl); got != want {
			t.Errorf("%s: got %q, want %q", sdl, got, want)
		}
	}
}

// A description in one subgraph is enough.
func TestDescriptionsInAnySubgraph(t *testing.T) {
	if got := found(t, "description", `type A { b: Int c: Int }`, `"An a." type A { "A b." b: Int c: Int @external }`); got != "A.c" {
		t.Errorf("got %q, want A.c", got)
	}
}
