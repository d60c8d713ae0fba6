package planner_test

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"souk/router/plan/planner"
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

// fewest returns the lowest number of subgraphs that have all fields and can be reached, by exhaustive
// search with iterative deepening.
func (c coverGraph) fewest() int {
	fields := make([]uint64, len(c.subgraphs))
	var all uint64
	for g, s := range c.subgraphs {
		for _, f := range s.fields {
			fields[g] |= 1 << f
		}
		all |= fields[g]
	}
	var used []int
	reached := func() bool {
		keys, left := map[int]bool{0: true}, slices.Clone(used)
		for again := true; again; {
			again = false
			left = slices.DeleteFunc(left, func(g int) bool {
				if !keys[c.subgraphs[g].keys[0]] && !keys[c.subgraphs[g].keys[1]] {
					return false
				}
				keys[c.subgraphs[g].keys[0]], keys[c.subgraphs[g].keys[1]] = true, true
				again = true
				return true
			})
		}
		return len(left) == 0
	}
	var search func(missing uint64, more int) bool
	search = func(missing uint64, more int) bool {
		if missing == 0 && reached() {
			return true
		}
		if largest := len(c.subgraphs[0].fields); bits.OnesCount64(missing) > more*largest || more == 0 {
			return false
		}
		var options []int // the subgraphs with the rarest field
		for f := range 64 {
			if missing&(1<<f) == 0 && missing != 0 {
				continue
			}
			var having []int
			for g := range fields {
				if missing == 0 && !slices.Contains(used, g) || fields[g]&missing&(1<<f) != 0 {
					having = append(having, g)
				}
			}
			if options == nil || len(having) < len(options) {
				options = having
			}
		}
		for _, g := range options {
			used = append(used, g)
			found := search(missing&^fields[g], more-1)
			used = used[:len(used)-1]
			if found {
				return true
			}
		}
		return false
	}
	for n := 1; ; n++ {
		if search(all, n) {
			return n
		}
	}
}

// Plans for set covers have the fewest requests, also if it cannot be proven within the limits.
func TestSetCoversHaveTheFewestRequests(t *testing.T) {
	for _, size := range [][2]int{{10, 20}, {20, 40}, {40, 60}} {
		for seed := range uint64(3) {
			g := covers(seed, size[0], size[1])
			c := open(t, supergraphArchive(g.sdl()))
			want := g.fewest() + 1 // and the root
			for _, depth := range []int{1, 4} {
				made, x, err := c.planner.Explain(c.operation(t, g.query(depth)))
				if err != nil {
					t.Fatal(err)
				}
				got := cost(made)
				t.Logf("%d subgraphs, seed %d, depth %d: %+v, greedy %+v, %s", size[0], seed, depth, x.Chosen, x.Greedy, x.Search)
				if got.Requests != want {
					t.Errorf("%d subgraphs, seed %d, depth %d: got %d requests, want %d", size[0], seed, depth, got.Requests, want)
				}
				if x.Chosen != got {
					t.Errorf("the explanation says %+v, the plan costs %+v", x.Chosen, got)
				}
				if size[0] < 40 && x.Search == planner.Incomplete {
					t.Errorf("%d subgraphs, seed %d: the search is %s", size[0], seed, x.Search)
				}
			}
		}
	}
}
