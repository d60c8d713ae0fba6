package planner_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"souk/router/operation"
	"souk/router/plan/planner"
	"souk/router/supergraph"
)

// large gives a supergraph of 100 subgraphs and 5,000 types. Type i is an
// entity of three subgraphs and leads to others; each of the subgraphs has
// some of its fields.
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
			// The type led to is known to the subgraph: it has the same
			// remainder, or is 17 less.
			fmt.Fprintf(&b, "  to%d: [T%d] @join__field(graph: G%d)\n", f, (i*31/graphs*graphs+g)%types, g)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// dense gives a supergraph where one entity is in all of n subgraphs, each
// of which has a field of its own and a way back to the entity.
func dense(n int) string {
	var b strings.Builder
	b.WriteString("schema @link(url: \"https://specs.apollo.dev/link/v1.0\") @link(url: \"https://specs.apollo.dev/join/v0.3\", for: EXECUTION) { query: Query }\nenum join__Graph {\n")
	var types, entity string
	for g := range n {
		fmt.Fprintf(&b, "  G%d @join__graph(name: \"g%d\", url: \"http://g%d\")\n", g, g, g)
		types += fmt.Sprintf(" @join__type(graph: G%d)", g)
		entity += fmt.Sprintf(" @join__type(graph: G%d, key: \"id\")", g)
	}
	fmt.Fprintf(&b, "}\ntype Query%s { node: Node }\nunion Any%s = Node\ntype Node%s {\n  id: ID!\n  next: [Node]\n", types, types, entity)
	for g := range n {
		fmt.Fprintf(&b, "  f%d: Int @join__field(graph: G%d)\n", g, g)
	}
	b.WriteString("}\n")
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

// TestLimit plans operations that are meant to be expensive. They are planned
// or refused by a limit that says its name.
func TestLimit(t *testing.T) {
	c := open(t, &txtar.Archive{Files: []txtar.File{{Name: "supergraph.graphql", Data: []byte(dense(60))}}})
	c.schema.Limits = operation.Limits{Tokens: 1_000_000, Depth: 1000, Aliases: 10_000, RootFields: 10_000, Fields: 1_000_000}
	wide := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "a%d: node { f%d next { f%d next { f%d } } } ", i, i%60, i*7%60, i*11%60)
		}
		return "{" + b.String() + "}"
	}
	for _, test := range []struct {
		name, text string
		refused    bool
	}{
		{"deep", "{ node" + strings.Repeat("{ f1 f59 next ", 40) + "{ id }" + strings.Repeat(" }", 41), false},
		{"wide", wide(20), false},
		{"too wide", wide(2000), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := c.planner.Plan(c.operation(t, test.text))
			var limit *planner.LimitError
			if refused := errors.As(err, &limit); refused != test.refused || !refused && err != nil {
				t.Errorf("refused is %t, the error %v", refused, err)
			}
			if test.refused && !strings.Contains(fmt.Sprint(err), "MaxMoves") {
				t.Errorf("the limit does not name itself: %v", err)
			}
		})
	}
}

// TestLongChain plans a chain through all subgraphs, the key of each of which
// needs the one before, also for a neighbour that has the same keys. Looked
// at naively that would double with each subgraph.
func TestLongChain(t *testing.T) {
	const graphs = 16
	var b strings.Builder
	b.WriteString("schema @link(url: \"https://specs.apollo.dev/join/v0.3\", for: EXECUTION) { query: Query }\nenum join__Graph {\n")
	var query, node, fields string
	for g := range graphs {
		fmt.Fprintf(&b, "  G%d @join__graph(name: \"g%d\", url: \"\")\n", g, g)
		query += fmt.Sprintf(" @join__type(graph: G%d)", g)
		node += fmt.Sprintf(" @join__type(graph: G%d, key: \"k%d next { k%d }\")", g, g, g)
		fields += fmt.Sprintf("  k%d: ID @join__field(graph: G%d) @join__field(graph: G%d, external: true)\n", g, (g+graphs-1)%graphs, g)
	}
	fmt.Fprintf(&b, "}\ntype Query%s { node: Node @join__field(graph: G0) }\ntype Node%s {\n%s  last: Int @join__field(graph: G%d)\n  next: Node\n}\n", query, node, fields, graphs-1)
	c := open(t, &txtar.Archive{Files: []txtar.File{{Name: "supergraph.graphql", Data: []byte(b.String())}}})
	p, err := planner.New(c.model, planner.Options{MaxMoves: 20_000}).Plan(c.operation(t, "{ node { last } }"))
	if err != nil {
		t.Fatal(err)
	}
	c.subgraphs = subgraphs(t, c.sdl, c.model)
	check(t, c, p)
	if len(p.Steps) != graphs {
		t.Errorf("%d steps", len(p.Steps))
	}
}
