package planner_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// randomGraph writes a supergraph of a few object types, each in several subgraphs
// with their own keys, with randomly shareable fields, some of which require or provide
// others or are overridden. Types can have keys of several fields and of fields of other types.
func randomGraph(r *rand.Rand) string {
	graphs := 2 + r.IntN(4)
	types := 1 + r.IntN(3)
	unions := r.IntN(3) == 0
	var b strings.Builder
	b.WriteString(`schema @link(url: "https://specs.apollo.dev/link/v1.0") @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION) { query: Query mutation: Mutation subscription: Subscription }` + "\nenum join__Graph {\n")
	for g := range graphs {
		fmt.Fprintf(&b, "  G%d @join__graph(name: \"g%d\", url: \"http://g%d\")\n", g, g, g)
	}
	b.WriteString("}\n")
	field := func(name, typ string, in []int, extra map[int]string) {
		fmt.Fprintf(&b, "  %s: %s", name, typ)
		for _, g := range in {
			fmt.Fprintf(&b, " @join__field(graph: G%d%s)", g, extra[g])
		}
		b.WriteString("\n")
	}
	some := func(least int) []int {
		list := r.Perm(graphs)[:least+r.IntN(graphs-least+1)]
		slices.Sort(list)
		return list
	}
	if unions {
		b.WriteString("union U")
		for g := range graphs {
			fmt.Fprintf(&b, " @join__type(graph: G%d)", g)
			for t := range types {
				fmt.Fprintf(&b, ` @join__unionMember(graph: G%d, member: "T%d")`, g, t)
			}
		}
		b.WriteString(" = T0")
		for t := 1; t < types; t++ {
			fmt.Fprintf(&b, " | T%d", t)
		}
		b.WriteString("\n")
	}
	const keys = 3
	for t := range types {
		keyed := make([][]int, keys) // the subgraphs with each key
		var below []int              // those with a key in the field n
		fmt.Fprintf(&b, "type T%d", t)
		for g := range graphs {
			has := false
			for k := range keys {
				if r.IntN(3) == 0 {
					fmt.Fprintf(&b, ` @join__type(graph: G%d, key: "k%d")`, g, k)
					keyed[k] = append(keyed[k], g)
					has = true
				}
			}
			if r.IntN(6) == 0 { // a key of two fields
				fmt.Fprintf(&b, ` @join__type(graph: G%d, key: "k0 k1")`, g)
				for k := range 2 {
					if !slices.Contains(keyed[k], g) {
						keyed[k] = append(keyed[k], g)
					}
				}
				has = true
			}
			if r.IntN(8) == 0 { // a key in another object
				fmt.Fprintf(&b, ` @join__type(graph: G%d, key: "n { id }")`, g)
				below = append(below, g)
				has = true
			}
			if !has {
				fmt.Fprintf(&b, " @join__type(graph: G%d)", g)
			}
		}
		b.WriteString(" {\n")
		for k := range keys {
			in := keyed[k]
			for _, g := range some(1) {
				if !slices.Contains(in, g) {
					in = append(in, g)
				}
			}
			slices.Sort(in)
			field(fmt.Sprintf("k%d", k), "ID", in, nil)
		}
		for f := range 3 + r.IntN(3) {
			in := some(1)
			if r.IntN(2) == 0 {
				in = in[:1]
			}
			extra := map[int]string{}
			if r.IntN(4) == 0 {
				extra[in[0]] = fmt.Sprintf(`, requires: "r%d"`, r.IntN(2))
			}
			field(fmt.Sprintf("f%d", f), "Int", in, extra)
		}
		for f := range 2 {
			in, extra := some(1), map[int]string{}
			switch from := in[r.IntN(len(in))]; r.IntN(8) {
			case 0: // another subgraph takes it over
				if by := in[r.IntN(len(in))]; by != from {
					extra[by] = fmt.Sprintf(`, override: "g%d", overrideLabel: "l"`, from)
					extra[from] = `, overrideLabel: "l"`
				}
			case 1: // another subgraph has it where it is provided
				if len(in) > 1 {
					extra[from] = ", external: true"
				}
			}
			field(fmt.Sprintf("r%d", f), "Int", in, extra)
		}
		for f := range types {
			in, extra := some(1), map[int]string{}
			if r.IntN(4) == 0 {
				extra[in[0]] = fmt.Sprintf(`, provides: "r%d"`, r.IntN(2))
			}
			field(fmt.Sprintf("t%d", f), fmt.Sprintf("T%d", f), in, extra)
		}
		if unions && r.IntN(2) == 0 {
			field("u", "U", some(1), nil)
		}
		if below != nil {
			for _, g := range some(1) {
				if !slices.Contains(below, g) {
					below = append(below, g)
				}
			}
			slices.Sort(below)
			field("n", "N", below, nil)
		}
		b.WriteString("}\n")
	}
	b.WriteString("type N")
	for g := range graphs {
		fmt.Fprintf(&b, " @join__type(graph: G%d)", g)
	}
	b.WriteString(" { id: ID }\n")
	before := b.Len()
	b.WriteString("type Query")
	for g := range graphs {
		fmt.Fprintf(&b, " @join__type(graph: G%d)", g)
	}
	b.WriteString(" {\n")
	for t := range types {
		field(fmt.Sprintf("t%d", t), fmt.Sprintf("T%d", t), some(1), nil)
	}
	if unions {
		field("u", "U", some(1), nil)
	}
	b.WriteString("}\n")
	query := b.String()[before:]
	for _, root := range []string{"Mutation", "Subscription"} {
		b.WriteString(strings.Replace(query, "Query", root, 1))
	}
	return b.String()
}

// randomQuery selects fields at random, each at most once.
func randomQuery(r *rand.Rand, schema *ast.Schema, t *ast.Definition, depth int) string {
	var b strings.Builder
	b.WriteString("{")
	if t.Kind == ast.Union {
		for i, member := range schema.GetPossibleTypes(t) {
			if i == 0 || r.IntN(2) == 0 {
				b.WriteString(" ... on " + member.Name + randomQuery(r, schema, member, depth))
			}
		}
		return b.String() + "}"
	}
	fields := slices.Clone(visible(t.Fields))
	r.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	for i, f := range fields[:1+r.IntN(min(5, len(fields)))] {
		named := schema.Types[f.Type.Name()]
		switch {
		case !named.IsCompositeType():
			b.WriteString(" " + f.Name)
		case depth < 2:
			b.WriteString(" " + f.Name + randomQuery(r, schema, named, depth+1))
		case i == 0:
			b.WriteString(" __typename")
		}
	}
	return b.String() + "}"
}
