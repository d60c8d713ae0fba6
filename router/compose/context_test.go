package compose_test

import (
	"regexp"
	"slices"
	"testing"

	"souk/router/compose"
)

// A type has the contexts of all subgraphs, however they name them: each subgraph sets its
// own.
func TestEachSubgraphSetsItsOwnContexts(t *testing.T) {
	const header = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.8", import: ["@key", {name: "@context", as: "@sets"}, "@interfaceObject"])
`
	cases := []struct {
		name     string
		sdls     []string // of the subgraphs a, b …
		contexts []string // of the type T
	}{
		{"the same name", []string{`type T @key(fields: "id") @sets(name: "c") { id: ID! }`, `type T @key(fields: "id") @sets(name: "c") { id: ID! }`},
			[]string{"a__c", "b__c"}},
		{"some of the names", []string{`type T @key(fields: "id") @sets(name: "c") @sets(name: "d") { id: ID! }`, `type T @key(fields: "id") { id: ID! }`,
			`type T @key(fields: "id") @sets(name: "e") @sets(name: "d") { id: ID! }`},
			[]string{"a__c", "a__d", "c__d", "c__e"}},
		{"twice in one subgraph", []string{`type T @key(fields: "id") @sets(name: "c") @sets(name: "c") { id: ID! }`, `type T @key(fields: "id") { id: ID! } extend type T @sets(name: "c")`},
			[]string{"a__c", "b__c"}},
		{"an interface", []string{`interface T @sets(name: "c") { n: Int }`, `interface T @sets(name: "c") { n: Int }`},
			[]string{"a__c", "b__c"}},
		{"an interface object", []string{`interface T @key(fields: "id") @sets(name: "c") { id: ID! } type U implements T @key(fields: "id") { id: ID! }`,
			`type T @interfaceObject @key(fields: "id") @sets(name: "c") { id: ID! }`},
			[]string{"a__c", "b__c"}},
		{"a union", []string{`union T @sets(name: "c") = Query`, `union T @sets(name: "c") = Query`},
			[]string{"a__c", "b__c"}},
	}
	declaration := regexp.MustCompile(`(?m)^(?:type|interface|union) T$[^{=]*`)
	application := regexp.MustCompile(`@sets\(name: "(\w+)"\)`)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var list []compose.Subgraph
			for i, sdl := range c.sdls {
				name := string(rune('a' + i))
				list = append(list, compose.Subgraph{Name: name, URL: "http://" + name, SDL: header + sdl + ` type Query { ` + name + `: T }`})
			}
			composed, err := compose.Compose(t.Context(), list)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, match := range application.FindAllStringSubmatch(declaration.FindString(composed.SDL), -1) {
				got = append(got, match[1])
			}
			slices.Sort(got)
			if !slices.Equal(got, c.contexts) {
				t.Errorf("got the contexts %q, want %q", got, c.contexts)
			}
		})
	}
}
