package planner_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// A coverGraph is a supergraph in which a plan is a set cover: one entity in many subgraphs, each of
// which has two of four keys and a quarter of the fields, all of them shareable.
type coverGraph struct {
	subgraphs []coverSubgraph
	fields    []string // those that a subgraph has
}

type coverSubgraph struct{ keys, fields []int }

// covers returns a graph of n subgraphs with so many fields. The entity is found by the key k0 in the
// subgraph root.
func covers(seed uint64, n, fields int) coverGraph {
	r := rand.New(rand.NewPCG(seed, 7))
	var c coverGraph
	has := map[int]bool{}
	for g := range n {
		s := coverSubgraph{keys: r.Perm(4)[:2], fields: r.Perm(fields)[:fields/4]}
		if g < 4 { // all keys can be reached
			s.keys = []int{0, max(g, 1)}
		}
		slices.Sort(s.keys)
		slices.Sort(s.fields)
		for _, f := range s.fields {
			has[f] = true
		}
		c.subgraphs = append(c.subgraphs, s)
	}
	for f := range fields {
		if has[f] {
			c.fields = append(c.fields, fmt.Sprintf("f%d", f))
		}
	}
	return c
}

// sdl returns the supergraph.
func (c coverGraph) sdl() string {
	var b strings.Builder
	b.WriteString("schema @link(url: \"https://specs.apollo.dev/link/v1.0\") @link(url: \"https://specs.apollo.dev/join/v0.3\", for: EXECUTION) { query: Query }\nenum join__Graph {\n  ROOT @join__graph(name: \"root\", url: \"http://root\")\n")
	for g := range c.subgraphs {
		fmt.Fprintf(&b, "  G%d @join__graph(name: \"g%02d\", url: \"http://g%d\")\n", g, g, g)
	}
	b.WriteString("}\ntype Query @join__type(graph: ROOT) { t: T @join__field(graph: ROOT) }\ntype T @join__type(graph: ROOT, key: \"k0\")")
	in := map[string][]string{"k0": {"ROOT"}}
	for g, s := range c.subgraphs {
		name := fmt.Sprintf("G%d", g)
		for _, k := range s.keys {
			fmt.Fprintf(&b, " @join__type(graph: %s, key: \"k%d\")", name, k)
			in[fmt.Sprintf("k%d", k)] = append(in[fmt.Sprintf("k%d", k)], name)
		}
		for _, f := range s.fields {
			in[fmt.Sprintf("f%d", f)] = append(in[fmt.Sprintf("f%d", f)], name)
		}
		in["o"] = append(in["o"], name)
	}
	b.WriteString(" {\n")
	for _, f := range append([]string{"k0", "k1", "k2", "k3", "o"}, c.fields...) {
		typ := "Int"
		if f == "o" {
			typ = "T"
		}
		fmt.Fprintf(&b, "  %s: %s", f, typ)
		for _, g := range in[f] {
			fmt.Fprintf(&b, " @join__field(graph: %s)", g)
		}
		b.WriteString("\n")
	}
	return b.String() + "}\n"
}

// query selects all fields of the entity, and below o those of another, and so on.
func (c coverGraph) query(depth int) string {
	text := strings.Join(c.fields, " ")
	return "{ t { " + text + strings.Repeat(" o { "+text, depth-1) + strings.Repeat(" }", depth) + " }"
}
