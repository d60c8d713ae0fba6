package compose_test

import (
	"fmt"
	"strings"
	"testing"

	"souk/router/compose"
)

// generated returns subgraphs that share entities, value types, enums and inputs.
// Each subgraph defines types/count entities and extends as many of others.
func generated(count, types int) []compose.Subgraph {
	sdls := make([]strings.Builder, count)
	for i := range sdls {
		fmt.Fprintf(&sdls[i], `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable", "@external", "@requires", "@provides", "@tag", "@inaccessible"])
type Query { s%d(filter: Filter): [E%d!]! node%d(id: ID!): Node }
interface Node { id: ID! }
enum Order { ASCENDING DESCENDING }
input Filter { text: String = "" first: Int = 10 order: Order = ASCENDING }
type Page @shareable { total: Int! next: String }
`, i, i, i)
	}
	for n := range types {
		home, guest := n%count, (n*7+1)%count
		fmt.Fprintf(&sdls[home], "\"Entity %d.\"\ntype E%d implements Node @key(fields: \"id\") { id: ID! name: String! weight: Int price(currency: String = \"EUR\"): Float page: Page next: E%d tags: [String!] @tag(name: \"t%d\") secret: Int @inaccessible }\n",
			n, n, (n+count)%types/count*count+home, n%5)
		if guest != home {
			fmt.Fprintf(&sdls[guest], "type E%d implements Node @key(fields: \"id\") { id: ID! weight: Int @external shipping%d: Int @requires(fields: \"weight\") extra%d(first: Int): [Page!] }\n", n, n, n)
		}
	}
	all := make([]compose.Subgraph, count)
	for i := range all {
		sdl := sdls[i].String()
		all[i] = compose.Subgraph{Name: fmt.Sprintf("s%03d", i), URL: fmt.Sprintf("http://s%03d/graphql", i), SDL: sdl}
	}
	return all
}

// BenchmarkCompose composes generated subgraphs: 30 with 600 types and 100 with
// 5,000 types.
func BenchmarkCompose(b *testing.B) {
	for _, size := range []struct{ subgraphs, types int }{{30, 600}, {100, 5000}, {100, 20000}} {
		b.Run(fmt.Sprintf("%dx%d", size.subgraphs, size.types), func(b *testing.B) {
			subgraphs := generated(size.subgraphs, size.types)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := compose.Compose(b.Context(), subgraphs); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRecompose composes the graphs of BenchmarkCompose again after an edit of one
// subgraph: a field is added to a type, or removed again.
func BenchmarkRecompose(b *testing.B) {
	for _, size := range []struct{ subgraphs, types int }{{30, 600}, {100, 5000}, {100, 20000}} {
		b.Run(fmt.Sprintf("%dx%d", size.subgraphs, size.types), func(b *testing.B) {
			subgraphs := generated(size.subgraphs, size.types)
			var composer compose.Composer
			if _, err := composer.Compose(b.Context(), subgraphs); err != nil {
				b.Fatal(err)
			}
			before := subgraphs[7].SDL
			after := strings.Replace(before, "name: String!", "name: String! added: E7", 1)
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				subgraphs[7].SDL = []string{after, before}[n%2]
				if _, err := composer.Compose(b.Context(), subgraphs); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
