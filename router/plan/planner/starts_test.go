package planner_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"golang.org/x/tools/txtar"

	"souk/router/operation"
	"souk/router/plan/planner"
	"souk/router/supergraph"
)

// No other subgraphs for the root fields of a mutation need fewer requests, and none as many
// on fewer levels. The mutations have some fields several times, so that one subgraph may
// have a field before and after that of another.
func TestNoSequenceOfMutationsIsCheaper(t *testing.T) {
	planned, incomplete := 0, 0
	for seed := *firstGraph; seed < *firstGraph+*graphs; seed++ {
		r := rand.New(rand.NewPCG(seed, 2))
		sdl, m, schema := parsedGraph(t, r, seed)
		p := planner.New(m, planner.Options{})
		for range 2 {
			text := randomMutation(r, schema.Definitions())
			doc, err := schema.Parse(text, "")
			if err != nil {
				t.Fatal(err)
			}
			planned++
			switch err := cheapest(m, p, doc.Operation(nil), nil); {
			case errors.Is(err, errIncomplete):
				incomplete++
			case err != nil:
				t.Errorf("graph %d: %s: %v\n%s", seed, text, err, sdl)
			}
		}
	}
	t.Logf("planned %d mutations, the search was incomplete for %d", planned, incomplete)
	if incomplete > planned/50 {
		t.Errorf("the search was incomplete for %d mutations of %d", incomplete, planned)
	}
}

// randomMutation selects up to five root fields at random.
func randomMutation(r *rand.Rand, schema *ast.Schema) string {
	var b strings.Builder
	fields := visible(schema.Mutation.Fields)
	for i := range 1 + r.IntN(5) {
		f := fields[r.IntN(len(fields))]
		fmt.Fprintf(&b, " m%d: %s%s", i, f.Name, randomQuery(r, schema, schema.Types[f.Type.Name()], 1+r.IntN(2)))
	}
	return "mutation {" + strings.ReplaceAll(b.String(), "__typename", "k0") + " }"
}

// fewestRequests returns the lowest number of requests that answer an operation, and for it
// the lowest number of levels; 0 if more than the limit are needed.
func fewestRequests(m *supergraph.Model, op *operation.Operation, labels []string, limit int) (requests, levels int) {
	if op.Kind == operation.Query {
		f := newFewest(m, m.Query, nil, op.Selections, labels)
		return f.search(limit, limit)
	}
	s := &sequences{model: m, root: m.Root(op.Kind), fields: op.Selections, labels: labels, known: map[sequencePart][2]int{}, requests: limit + 1}
	s.visit(0, 0, 0)
	if s.requests > limit {
		return 0, 0
	}
	return s.requests, s.levels
}

// sequences visits all ways to fetch the root fields of a mutation or a subscription in
// order: a request to some subgraph for one or more of them, then the requests for entities
// that they need, then the same for the fields that follow.
type sequences struct {
	model  *supergraph.Model
	root   *supergraph.Type
	fields []operation.Selection
	labels []string
	known  map[sequencePart][2]int
	// requests and levels are those of the best way that was found.
	requests, levels int
}

type sequencePart struct{ from, to, start, limit int }

// visit goes on with the fields from an index on.
func (s *sequences) visit(from, requests, levels int) {
	if from == len(s.fields) {
		if requests < s.requests || requests == s.requests && levels < s.levels {
			s.requests, s.levels = requests, levels
		}
		return
	}
	for to := from + 1; to <= len(s.fields); to++ {
		for start := range s.model.Subgraphs {
			limit := s.requests - requests
			if to < len(s.fields) { // the others need one at least
				limit--
			}
			if more, deeper := s.part(sequencePart{from, to, start, limit}); more > 0 {
				s.visit(to, requests+more, levels+deeper)
			}
		}
	}
}

// part returns what some fields need that one subgraph fetches; 0 for more than the limit.
func (s *sequences) part(p sequencePart) (requests, levels int) {
	g := s.model.Subgraphs[p.start]
	for _, f := range s.fields[p.from:p.to] {
		if s.root.Field(f.(*operation.Field).Name).InSubgraph(g) == nil {
			return 0, 0
		}
	}
	known, ok := s.known[p]
	if !ok {
		f := newFewest(s.model, s.root, g, s.fields[p.from:p.to], s.labels)
		known[0], known[1] = f.search(p.limit, p.limit)
		s.known[p] = known
	}
	return known[0], known[1]
}

// manyStarts returns a supergraph of n subgraphs with the same mutations, each returning an
// entity whose fields others have, in overlapping sets.
func manyStarts(n int) string {
	const others, fields = 8, 12
	var b strings.Builder
	b.WriteString("schema @link(url: \"https://specs.apollo.dev/link/v1.0\") @link(url: \"https://specs.apollo.dev/join/v0.3\", for: EXECUTION) { query: Query mutation: Mutation }\nenum join__Graph {\n")
	var query, root, entity string
	for g := range n + others {
		fmt.Fprintf(&b, "  G%d @join__graph(name: \"g%d\", url: \"http://g%d\")\n", g, g, g)
		query += fmt.Sprintf(" @join__type(graph: G%d)", g)
		entity += fmt.Sprintf(" @join__type(graph: G%d, key: \"id\")", g)
		if g < n {
			root += fmt.Sprintf(" @join__type(graph: G%d)", g)
		}
	}
	fmt.Fprintf(&b, "}\ntype Query%s { query: Int }\ntype Mutation%s { do: T }\ntype T%s {\n  id: ID!\n", query, root, entity)
	for f := range fields {
		fmt.Fprintf(&b, "  f%d: Int", f)
		for g := range n + others {
			if g < n && (f+g)%5 == 0 || g >= n && (f*f+g)%4 == 0 {
				fmt.Fprintf(&b, " @join__field(graph: G%d)", g)
			}
		}
		b.WriteString("\n")
	}
	b.WriteString("}\n")
	return b.String()
}

// TestManyRootFieldsArePlannedWithinTheLimits plans mutations with many fields that many
// subgraphs have. Three requests suffice, also for so many that not all sequences are
// considered. No search is called exact then, unless the plan meets the lower bound.
func TestManyRootFieldsArePlannedWithinTheLimits(t *testing.T) {
	for _, starts := range []int{2, 7, 20} {
		c := open(t, &txtar.Archive{Files: []txtar.File{{Name: "supergraph.graphql", Data: []byte(manyStarts(starts))}}})
		c.schema.Limits = operation.Limits{Tokens: 1_000_000, Depth: 1000, Aliases: 10_000, RootFields: 10_000, Fields: 1_000_000}
		c.subgraphs = subgraphs(t, c.sdl, c.model)
		for _, fields := range []int{4, 40, 200} {
			var b strings.Builder
			for i := range fields {
				fmt.Fprintf(&b, " m%d: do { id f%d f%d f%d }", i, i%12, (i/2)%12, (i/5)%12)
			}
			made, x, err := c.planner.Explain(c.operation(t, "mutation {"+b.String()+" }"))
			var limit *planner.LimitError
			if starts*fields > 2000 && errors.As(err, &limit) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			check(t, c, made)
			t.Logf("%d subgraphs have %d fields: greedy %+v, chosen %+v, bound %+v, %s, %d edges", starts, fields, x.Greedy, x.Chosen, x.Bound, x.Search, x.Edges)
			requests, levels := cost(made)
			if x.Chosen != (planner.Cost{Requests: requests, Levels: levels}) {
				t.Errorf("the explanation says %+v, the plan has %d requests on %d levels", x.Chosen, requests, levels)
			}
			if requests > 3 {
				t.Errorf("got %d requests for %d fields from %d subgraphs, 3 suffice", requests, fields, starts)
			}
			if tooMany := starts*fields*(fields+1)/2 > 2000; tooMany && x.Search == planner.Exact && x.Chosen != x.Bound {
				t.Errorf("the search for %d fields from %d subgraphs is called exact", fields, starts)
			}
		}
	}
}
