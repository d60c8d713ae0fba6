package satisfy_test

import (
	"fmt"
	"strings"
	"testing"

	"souk/router/compose/internal/satisfy"
	"souk/router/supergraph"
)

// BenchmarkCheck checks supergraphs of growing size. Each subgraph owns 40
// entities, extends three of each of the previous ones, and defines ten of a
// hundred shared value types.
func BenchmarkCheck(b *testing.B) {
	for _, subgraphs := range []int{25, 50, 100, 200} {
		m, err := supergraph.Parse(large(subgraphs, 49))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("subgraphs=%d/types=%d", subgraphs, len(m.Types())), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if errors, _ := satisfy.Check(m); len(errors) > 0 {
					b.Fatal(errors[0].Message)
				}
			}
		})
	}
}

// large prints a supergraph with as many entities in each subgraph, which other
// subgraphs extend and refer to, and value types that ten subgraphs share.
func large(subgraphs, entities int) string {
	var b strings.Builder
	b.WriteString("schema @link(url: \"https://specs.apollo.dev/link/v1.0\") @link(url: \"https://specs.apollo.dev/join/v0.5\", for: EXECUTION) { query: Query }\n" + machinery + "enum join__Graph {\n")
	for g := range subgraphs {
		fmt.Fprintf(&b, "  S%d @join__graph(name: \"s%d\", url: \"\")\n", g, g)
	}
	b.WriteString("}\ntype Query")
	for g := range subgraphs {
		fmt.Fprintf(&b, " @join__type(graph: S%d)", g)
	}
	b.WriteString(" {\n")
	for g := range subgraphs {
		fmt.Fprintf(&b, "  q%d: [E%dx0!]! @join__field(graph: S%d)\n", g, g, g)
	}
	b.WriteString("}\n")
	for g := range subgraphs {
		for e := range entities {
			entity(&b, g, e, subgraphs, entities)
		}
	}
	for v := range subgraphs {
		fmt.Fprintf(&b, "type V%d", v)
		for i := range min(10, subgraphs) {
			fmt.Fprintf(&b, " @join__type(graph: S%d)", (v+i)%subgraphs)
		}
		b.WriteString(" {\n  x: Int\n  y: String\n}\n")
	}
	return b.String()
}

// entity prints an entity of a subgraph that three others extend, with fields of
// each, one of which requires another.
func entity(b *strings.Builder, g, e, subgraphs, entities int) {
	fmt.Fprintf(b, "type E%dx%d @join__type(graph: S%d, key: \"id\")", g, e, g)
	others := []int{(g + 1 + e) % subgraphs, (g + 2 + e) % subgraphs, (g + 3 + e) % subgraphs}
	for _, o := range others {
		if o != g {
			fmt.Fprintf(b, " @join__type(graph: S%d, key: \"id\")", o)
		}
	}
	fmt.Fprintf(b, " {\n  id: ID!\n  name: String @join__field(graph: S%d)\n  value: V%d @join__field(graph: S%d)\n", g, g, g)
	fmt.Fprintf(b, "  next: E%dx%d @join__field(graph: S%d)\n", g, (e+1)%entities, g)
	for i, o := range others {
		if o == g {
			continue
		}
		fmt.Fprintf(b, "  f%d: Int @join__field(graph: S%d)\n", i, o)
		if i == 0 {
			fmt.Fprintf(b, "  price: Int @join__field(graph: S%d) @join__field(graph: S%d, external: true)\n", g, o)
			fmt.Fprintf(b, "  cost: Int @join__field(graph: S%d, requires: \"price\")\n", o)
		}
	}
	b.WriteString("}\n")
}
