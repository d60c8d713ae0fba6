package planner_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"souk/router/operation"
	"souk/router/plan/planner"
)

// dense returns a supergraph with one entity in all of n subgraphs, each of which has
// a field of its own and a field that returns the entity again.
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

// abstract returns a supergraph with an interface and a union of n types, each an
// entity in all subgraphs. The subgraph that has a field differs from type to type,
// so that with more than one type nothing can be selected on the interface.
func abstract(n, graphs int) string {
	var b strings.Builder
	b.WriteString("schema @link(url: \"https://specs.apollo.dev/link/v1.0\") @link(url: \"https://specs.apollo.dev/join/v0.3\", for: EXECUTION) { query: Query }\nenum join__Graph {\n")
	var in, entity, members string
	for g := range graphs {
		fmt.Fprintf(&b, "  G%d @join__graph(name: \"g%d\", url: \"http://g%d\")\n", g, g, g)
		in += fmt.Sprintf(" @join__type(graph: G%d)", g)
		entity += fmt.Sprintf(" @join__type(graph: G%d, key: \"id\") @join__implements(graph: G%d, interface: \"Node\")", g, g)
		for i := range n {
			members += fmt.Sprintf(" @join__unionMember(graph: G%d, member: \"T%d\")", g, i)
		}
	}
	fmt.Fprintf(&b, "}\ntype Query%s { node: Node }\n", in)
	fmt.Fprintf(&b, "interface Node%s { id: ID! next: Node any: Any f0(a: Int): Int f1: Int f2: Int }\n", in)
	fmt.Fprintf(&b, "union Any%s%s = T0", in, members)
	for i := range n - 1 {
		fmt.Fprintf(&b, " | T%d", i+1)
	}
	for i := range n {
		fmt.Fprintf(&b, "\ntype T%d implements Node%s { id: ID! next: Node @join__field(graph: G%d) any: Any @join__field(graph: G%d) f0(a: Int): Int @join__field(graph: G%d) f1: Int @join__field(graph: G%d) f2: Int @join__field(graph: G%d) }",
			i, entity, i%graphs, (i+1)%graphs, (i+2)%graphs, (i+3)%graphs, (i+4)%graphs)
	}
	return b.String()
}

// hostile returns operations on the supergraph of abstract that grow with n, up to
// about what a gateway's limits allow.
var hostile = []struct {
	name string
	most int
	text func(n int) string
}{
	{name: "deep", most: 90, text: func(n int) string {
		return "{ node" + strings.Repeat("{ f1 f2 next ", n) + "{ id }" + strings.Repeat(" }", n+1)
	}},
	{name: "deep union", most: 40, text: func(n int) string {
		return "{ node" + strings.Repeat("{ f1 any { ... on Node { f2 next ", n) + "{ id }" + strings.Repeat(" }}}", n) + "}"
	}},
	{name: "wide", most: 900, text: func(n int) string { return "{ node {" + times(n, " a%[1]d: f0(a: %[1]d)") + "} }" }},
	{name: "roots", most: 180, text: func(n int) string {
		return "{" + times(n, " a%d: node { f1 next { f2 any { ... on Node { f1 } } } }") + "}"
	}},
	{name: "conditions", most: 150, text: func(n int) string {
		return "{ node {" + times(n, " ... on Node { ... on T%d { next { ... on T1 { any { ... on T2 { f1 next { f2 } } } } } } }") + "} }"
	}},
	{name: "parts", most: 400, text: func(n int) string { return "{ node {" + times(n, " ... @defer { a%[1]d: f0(a: %[1]d) }") + "} }" }},
}

func times(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// TestTooManyTypesAreRefusedByTheLimit plans operations on interfaces and unions with
// many types. Beyond some size they are rejected, only by the limit and with its
// name.
func TestTooManyTypesAreRefusedByTheLimit(t *testing.T) {
	for _, s := range []struct{ types, graphs int }{{types: 160, graphs: 4}, {types: 1000, graphs: 1}} {
		c := open(t, &txtar.Archive{Files: []txtar.File{{Name: "supergraph.graphql", Data: []byte(abstract(s.types, s.graphs))}}})
		for _, h := range hostile {
			t.Run(fmt.Sprintf("%d types in %d subgraphs, %s", s.types, s.graphs, h.name), func(t *testing.T) {
				refused := false
				for n := 1; n <= h.most; n *= 3 {
					_, err := c.planner.Plan(c.operation(t, h.text(n)))
					var limit *planner.LimitError
					switch {
					case err != nil && !errors.As(err, &limit):
						t.Fatal(err)
					case err != nil && !strings.Contains(err.Error(), "MaxEdges"):
						t.Errorf("the error does not name MaxEdges: %v", err)
					case err == nil && refused:
						t.Errorf("%d types are planned, although fewer were rejected", n)
					}
					refused = err != nil
				}
			})
		}
	}
}

// TestExpensiveOperationsAreRefusedByTheLimit plans operations that are meant to be
// expensive. They are planned, or rejected with the name of the limit.
func TestExpensiveOperationsAreRefusedByTheLimit(t *testing.T) {
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
		{name: "deep", text: "{ node" + strings.Repeat("{ f1 f59 next ", 40) + "{ id }" + strings.Repeat(" }", 41)},
		{name: "wide", text: wide(20)},
		{name: "too wide", text: wide(2000), refused: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := c.planner.Plan(c.operation(t, test.text))
			var limit *planner.LimitError
			if refused := errors.As(err, &limit); refused != test.refused || !refused && err != nil {
				t.Errorf("rejected = %t, error %v", refused, err)
			}
			if test.refused && !strings.Contains(fmt.Sprint(err), "MaxEdges") {
				t.Errorf("the error does not name MaxEdges: %v", err)
			}
		})
	}
}

// TestLongChainOfKeysIsPlannedInLinearWork plans a chain through all subgraphs, each of
// whose keys needs that of the subgraph before, for the object and for a neighbour with
// the same keys. A naive search would take twice as long for each further subgraph.
func TestLongChainOfKeysIsPlannedInLinearWork(t *testing.T) {
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
	p, err := planner.New(c.model, planner.Options{MaxEdges: 20_000}).Plan(c.operation(t, "{ node { last } }"))
	if err != nil {
		t.Fatal(err)
	}
	c.subgraphs = subgraphs(t, c.sdl, c.model)
	check(t, c, p)
	if len(p.Fetches) != graphs {
		t.Errorf("got %d fetches, want %d", len(p.Fetches), graphs)
	}
}

// shareable returns a supergraph of n subgraphs that have the same entity with the same
// keys and fields.
func shareable(n int) string {
	var b strings.Builder
	b.WriteString("schema @link(url: \"https://specs.apollo.dev/link/v1.0\") @link(url: \"https://specs.apollo.dev/join/v0.3\", for: EXECUTION) { query: Query }\nenum join__Graph {\n")
	var types, entity, some string
	for g := range n {
		fmt.Fprintf(&b, "  G%d @join__graph(name: \"g%d\", url: \"http://g%d\")\n", g, g, g)
		types += fmt.Sprintf(" @join__type(graph: G%d)", g)
		entity += fmt.Sprintf(" @join__type(graph: G%d, key: \"k%d\") @join__type(graph: G%d, key: \"k%d\")", g, g%5, g, (g+1)%5)
		if g%2 == 0 {
			some += fmt.Sprintf(" @join__field(graph: G%d)", g)
		}
	}
	fmt.Fprintf(&b, "}\ntype Query%s { node: Node%s other: Node }\ntype Node%s {\n  next: Node%s\n", types, some, entity, some)
	for f := range 10 {
		fmt.Fprintf(&b, "  k%d: ID", f)
		for g := range n {
			if (g+f)%3 != 0 || f < 5 && (g%5 == f || (g+1)%5 == f) {
				fmt.Fprintf(&b, " @join__field(graph: G%d)", g)
			}
		}
		b.WriteString("\n")
	}
	b.WriteString("}\n")
	return b.String()
}

// Where everything can be had from everywhere, planning ends within its limits.
func TestChoiceOfEverythingIsPlannedWithinTheLimits(t *testing.T) {
	c := open(t, &txtar.Archive{Files: []txtar.File{{Name: "supergraph.graphql", Data: []byte(shareable(50))}}})
	c.schema.Limits = operation.Limits{Tokens: 1_000_000, Depth: 1000, Aliases: 10_000, RootFields: 10_000, Fields: 1_000_000}
	all := "k0 k1 k2 k3 k4 k5 k6 k7 k8 k9"
	for _, text := range []string{
		"{" + times(200, " a%d: node { "+all+" }") + "}",
		"{ node" + strings.Repeat("{ "+all+" next ", 30) + "{ k0 }" + strings.Repeat(" }", 31),
		"{ other" + strings.Repeat("{ ... on Node { ... { "+all+" next ", 10) + "{ k9 }" + strings.Repeat(" }}}", 10) + "}",
		"{" + times(20, " a%d: other { next { "+all+" next { "+all+" } } }") + "}",
	} {
		made, explanation, err := c.planner.Explain(c.operation(t, text))
		var limit *planner.LimitError
		switch {
		case errors.As(err, &limit):
			t.Logf("%.40s: %v", text, err)
		case err != nil:
			t.Error(err)
		default:
			t.Logf("%.40s: %+v, %s, %d edges, %d fetches", text, explanation.Chosen, explanation.Search, explanation.Edges, len(made.Fetches))
			if c := cost(made); explanation.Chosen != c {
				t.Errorf("the explanation says %+v, the plan costs %+v", explanation.Chosen, c)
			}
		}
	}
}
