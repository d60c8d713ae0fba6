package planner_test

import (
	"slices"
	"strings"
	"testing"

	"souk/router/compose"
	"souk/router/plan/planner"
)

// Where the lower bound counts all requests of the greedy plan, there is no search.
func TestRequestsThatCannotBeOneAreCounted(t *testing.T) {
	for _, test := range []struct {
		name, operation string
		subgraphs       map[string]string
		want            planner.Cost
	}{
		{
			name: "root fields and entities", operation: "{ t { y } other }",
			subgraphs: map[string]string{
				"a": `type Query { t: T @shareable } type T @key(fields: "id") { id: ID }`,
				"b": `type Query { other: Int } type T @key(fields: "id") { id: ID y: Int }`,
			},
			want: planner.Cost{Requests: 3, Levels: 2},
		},
		{
			name: "back to a subgraph", operation: "{ t { u { v } w } }",
			subgraphs: map[string]string{
				"a": `type Query { t: T @shareable } type T @key(fields: "id") { id: ID w: Int } type U @key(fields: "id") { id: ID v: Int }`,
				"b": `type T @key(fields: "id") { id: ID u: U } type U @key(fields: "id") { id: ID }`,
			},
			want: planner.Cost{Requests: 3, Levels: 3},
		},
		{
			name: "required fields", operation: "{ t { y } }",
			subgraphs: map[string]string{
				"a": `type Query { t: T @shareable } type T @key(fields: "id") { id: ID x: Int @external y: Int @requires(fields: "x") }`,
				"b": `type T @key(fields: "id") { id: ID x: Int }`,
			},
			want: planner.Cost{Requests: 3, Levels: 3},
		},
		{
			name: "fields of an interface", operation: "{ i { v } }",
			subgraphs: map[string]string{
				"a": `type Query { i: I } interface I { id: ID } type S implements I @key(fields: "id") { id: ID } type T implements I @key(fields: "id") { id: ID }`,
				"b": `interface I { id: ID v: Int } type S implements I @key(fields: "id") { id: ID v: Int } type T implements I @key(fields: "id") { id: ID v: Int }`,
			},
			want: planner.Cost{Requests: 2, Levels: 2},
		},
		{
			name: "fields of an interface object", operation: "{ i { v } }",
			subgraphs: map[string]string{
				"a": `type Query { i: I } interface I @key(fields: "id") { id: ID } type S implements I @key(fields: "id") { id: ID } type T implements I @key(fields: "id") { id: ID }`,
				"b": `type I @interfaceObject @key(fields: "id") { id: ID v: Int }`,
			},
			want: planner.Cost{Requests: 2, Levels: 2},
		},
		{
			name: "a key of another subgraph", operation: "{ t { y } }",
			subgraphs: map[string]string{
				"a": `type Query { t: T } type T @key(fields: "id") { id: ID }`,
				"b": `type T @key(fields: "id") @key(fields: "code") { id: ID code: ID }`,
				"c": `type T @key(fields: "code") { code: ID y: Int }`,
			},
			want: planner.Cost{Requests: 3, Levels: 3},
		},
		{
			name: "one of several keys of other subgraphs", operation: "{ t { y } }",
			subgraphs: map[string]string{
				"a": `type Query { t: T } type T @key(fields: "id") { id: ID }`,
				"b": `type T @key(fields: "id") @key(fields: "code") { id: ID code: ID }`,
				"c": `type T @key(fields: "code") @key(fields: "name") { code: ID name: ID y: Int }`,
				"d": `type T @key(fields: "id") @key(fields: "name") { id: ID name: ID }`,
			},
			want: planner.Cost{Requests: 3, Levels: 3},
		},
		{
			name: "a key of another subgraph that is at hand", operation: "{ t { y z } }",
			subgraphs: map[string]string{
				"a": `type Query { t: T @shareable } type T @key(fields: "id") { id: ID y: Int }`,
				"b": `type Query { t: T @shareable } type T @key(fields: "code") { code: ID }`,
				"c": `type T @key(fields: "code") { code: ID z: Int }`,
			},
			want: planner.Cost{Requests: 3, Levels: 2},
		},
		{
			name: "the type of an interface object", operation: "{ i { ... on T { v } } }",
			subgraphs: map[string]string{
				"a": `type Query { i: I } type I @interfaceObject @key(fields: "id") { id: ID }`,
				"b": `interface I @key(fields: "id") { id: ID } type S implements I @key(fields: "id") { id: ID } type T implements I @key(fields: "id") { id: ID }`,
				"c": `type T @key(fields: "id") { id: ID v: Int }`,
			},
			want: planner.Cost{Requests: 3, Levels: 3},
		},
		{
			name: "required fields beside a provided one", operation: "{ t { y } }",
			subgraphs: map[string]string{
				"a": `type Query { t: T @provides(fields: "z") } type T @key(fields: "id") { id: ID z: Int @external }`,
				"b": `type T @key(fields: "id") { id: ID x: Int z: Int @shareable }`,
				"c": `type T @key(fields: "id") { id: ID x: Int @external y: Int @requires(fields: "x") }`,
			},
			want: planner.Cost{Requests: 3, Levels: 3},
		},
		{
			name: "fields of several subgraphs", operation: "{ t { id x y z } }",
			subgraphs: map[string]string{
				"a": `type Query { t: T @shareable } type T @key(fields: "id") { id: ID x: Int @shareable }`,
				"b": `type Query { t: T @shareable } type T @key(fields: "id") { id: ID x: Int @shareable y: Int @shareable }`,
				"c": `type T @key(fields: "id") { id: ID y: Int @shareable z: Int @shareable }`,
				"d": `type T @key(fields: "id") { id: ID z: Int @shareable }`,
			},
			want: planner.Cost{Requests: 2, Levels: 2},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var parts []compose.Subgraph
			for name, sdl := range test.subgraphs {
				parts = append(parts, compose.Subgraph{Name: name, URL: "http://" + name, SDL: `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@requires", "@external", "@shareable", "@provides", "@interfaceObject"])` + "\n" + sdl})
			}
			slices.SortFunc(parts, func(a, b compose.Subgraph) int { return strings.Compare(a.Name, b.Name) })
			composed, err := compose.Compose(t.Context(), parts)
			if err != nil {
				t.Fatal(err)
			}
			c := open(t, supergraphArchive(composed.SDL))
			_, x, err := c.planner.Explain(c.operation(t, test.operation))
			if err != nil {
				t.Fatal(err)
			}
			if x.Bound != test.want || x.Chosen != test.want || x.Search != planner.NotSearched {
				t.Errorf("the bound is %+v and the plan costs %+v, search %s; want %+v without a search", x.Bound, x.Chosen, x.Search, test.want)
			}
		})
	}
}
