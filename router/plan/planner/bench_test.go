package planner_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"souk/router/operation"
	"souk/router/supergraph"
)

// large returns a supergraph of 100 subgraphs and 5,000 types. Type i is an entity
// of three subgraphs and refers to others; each of its subgraphs has some of its
// fields.
func large() string {
	const graphs, types = 100, 5000
	var b strings.Builder
	b.WriteString("schema @link(url: \"https://specs.apollo.dev/link/v1.0\") @link(url: \"https://specs.apollo.dev/join/v0.3\", for: EXECUTION) { query: Query }\nenum join__Graph {\n")
	for g := range graphs {
		fmt.Fprintf(&b, "  G%d @join__graph(name: \"g%d\", url: \"http://g%d\")\n", g, g, g)
	}
	b.WriteString("}\ntype Query")
	for g := range graphs {
		fmt.Fprintf(&b, " @join__type(graph: G%d)", g)
	}
	b.WriteString(" {\n")
	for g := range graphs {
		fmt.Fprintf(&b, "  root%d: T%d @join__field(graph: G%d)\n", g, g, g)
	}
	b.WriteString("}\n")
	for i := range types {
		in := [3]int{i % graphs, (i + 17) % graphs, (i * 7) % graphs}
		fmt.Fprintf(&b, "type T%d", i)
		seen := map[int]bool{}
		for _, g := range in {
			if !seen[g] {
				fmt.Fprintf(&b, " @join__type(graph: G%d, key: \"id\")", g)
			}
			seen[g] = true
		}
		b.WriteString(" {\n  id: ID!\n")
		for f, g := range in {
			fmt.Fprintf(&b, "  name%d: String @join__field(graph: G%d)\n", f, g)
			// The subgraph has the referenced type: it has the same
			// remainder, or is 17 less.
			fmt.Fprintf(&b, "  to%d: [T%d] @join__field(graph: G%d)\n", f, (i*31/graphs*graphs+g)%types, g)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func BenchmarkPlan(b *testing.B) {
	data, err := os.ReadFile("../testdata/benchmark.txtar")
	if err != nil {
		b.Fatal(err)
	}
	c := open(b, txtar.Parse(data))
	op := c.operation(b, c.files["benchmark.graphql"])
	b.Run("benchmark", func(b *testing.B) { plans(b, c, op) })
	c = open(b, &txtar.Archive{Files: []txtar.File{{Name: "supergraph.graphql", Data: []byte(large())}}})
	for _, depth := range []int{2, 4, 6} {
		op := c.operation(b, "{ root0 "+nested(depth)+" root50 "+nested(depth)+" }")
		b.Run(fmt.Sprintf("100 subgraphs/depth=%d", depth), func(b *testing.B) { plans(b, c, op) })
	}
	for _, s := range []struct{ types, graphs int }{{types: 300, graphs: 10}, {types: 2000, graphs: 1}} {
		c = open(b, &txtar.Archive{Files: []txtar.File{{Name: "supergraph.graphql", Data: []byte(abstract(s.types, s.graphs))}}})
		for _, h := range hostile {
			op := c.operation(b, h.text(h.most))
			b.Run(fmt.Sprintf("hostile/types=%d/subgraphs=%d/%s", s.types, s.graphs, h.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := c.planner.Plan(op); err != nil && !strings.Contains(err.Error(), "MaxEdges") {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkParse(b *testing.B) {
	sdl := large()
	for b.Loop() {
		if _, err := supergraph.Parse(sdl); err != nil {
			b.Fatal(err)
		}
	}
}

func nested(depth int) string {
	if depth == 0 {
		return "{ id name0 name1 name2 }"
	}
	return "{ id name0 name1 name2 to0 " + nested(depth-1) + " to1 " + nested(depth-1) + " }"
}

func plans(b *testing.B, c *testCase, op *operation.Operation) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.planner.Plan(op); err != nil {
			b.Fatal(err)
		}
	}
}
