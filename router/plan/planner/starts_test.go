package planner_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
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
	var c tally
	for g := range randomGraphs(t, 2) {
		for range 2 {
			text := randomMutation(g.r, g.schema.Definitions())
			doc, err := g.schema.Parse(text, "")
			if err != nil {
				t.Fatal(err)
			}
			c.compare(t, g, text, doc.Operation(nil))
		}
	}
	t.Logf("planned %d mutations, the search was incomplete for %d", c.planned, c.incomplete)
	if c.incomplete > c.planned/50 {
		t.Errorf("the search was incomplete for %d mutations of %d", c.incomplete, c.planned)
	}
}

// No plan of a mutation that defers some of its selections is dearer than need be.
func TestNoMutationWithDeferIsCheaper(t *testing.T) {
	var c tally
	for g := range randomGraphs(t, 4) {
		if len(g.model.Subgraphs) > 3 {
			continue
		}
		for range 8 {
			text := deferSome(g.r, randomMutation(g.r, g.schema.Definitions()))
			if strings.Count(text, "@defer") != 1 {
				continue
			}
			doc, err := g.schema.Parse(text, "")
			if err != nil { // root fields are not deferred
				continue
			}
			c.compare(t, g, text, doc.Operation(nil))
		}
	}
	t.Logf("planned %d, the search was incomplete for %d", c.planned, c.incomplete)
	if c.planned == 0 || c.incomplete > c.planned/50 {
		t.Errorf("the search was incomplete for %d mutations of %d", c.incomplete, c.planned)
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

// fewestRequests returns the lowest cost of the plans for an operation; zero if all cost more than a
// limit.
func fewestRequests(m *supergraph.Model, op *operation.Operation, labels []string, limit planner.Cost) planner.Cost {
	s := &sequences{model: m, root: m.Root(op.Kind), fields: op.Selections, labels: labels, limit: limit, known: map[sequencePart]planner.Cost{}}
	s.defers = !slices.EqualFunc(op.Selections, withoutDeferred(op.Selections), func(a, b operation.Selection) bool { return reflect.DeepEqual(a, b) })
	if op.Kind == operation.Query {
		return s.fewest(nil, op.Selections)
	}
	s.visit(0, planner.Cost{})
	return s.best
}

// sequences visits all ways to fetch the root fields of a mutation or a subscription in
// order: a request to some subgraph for one or more of them, then the requests for entities
// that they need, then the same for the fields that follow.
type sequences struct {
	model  *supergraph.Model
	root   *supergraph.Type
	fields []operation.Selection
	labels []string
	defers bool // whether the operation has deferred selections
	limit  planner.Cost
	known  map[sequencePart]planner.Cost
	// best is the cost of the best way that was found.
	best planner.Cost
}

type sequencePart struct{ from, to, start int }

// visit goes on with the fields from an index on.
func (s *sequences) visit(from int, before planner.Cost) {
	if from == len(s.fields) {
		if s.best.Requests == 0 || compareCosts(before, s.best) < 0 {
			s.best = before
		}
		return
	}
	for to := from + 1; to <= len(s.fields); to++ {
		for start := range s.model.Subgraphs {
			if c := s.part(sequencePart{from, to, start}); c.Requests > 0 {
				s.visit(to, s.join(before, c))
			}
		}
	}
}

// join returns the cost of some parts and the next one, which waits for their initial payloads.
func (s *sequences) join(before, next planner.Cost) planner.Cost {
	wait := before.Levels
	if s.defers {
		wait = before.InitialLevels
	}
	return planner.Cost{
		Requests: before.Requests + next.Requests, Levels: max(before.Levels, wait+next.Levels),
		InitialRequests: before.InitialRequests + next.InitialRequests, InitialLevels: before.InitialLevels + next.InitialLevels,
	}
}

// part returns what some fields need that one subgraph fetches; zero for more than the limit.
func (s *sequences) part(p sequencePart) planner.Cost {
	g := s.model.Subgraphs[p.start]
	for _, f := range s.fields[p.from:p.to] {
		if s.root.Field(f.(*operation.Field).Name).InSubgraph(g) == nil {
			return planner.Cost{}
		}
	}
	known, ok := s.known[p]
	if !ok {
		known = s.fewest(g, s.fields[p.from:p.to])
		s.known[p] = known
	}
	return known
}

// fewest returns what some selections need; zero for more than the limit.
func (s *sequences) fewest(start *supergraph.Subgraph, selections []operation.Selection) (c planner.Cost) {
	limit := s.limit.Requests
	if s.defers {
		if initial := withoutDeferred(selections); len(initial) > 0 {
			f := newFewest(s.model, s.root, start, initial, s.labels)
			if c.InitialRequests, c.InitialLevels = f.search(s.limit.InitialRequests, limit); c.InitialRequests == 0 {
				return planner.Cost{}
			}
		}
		if c.InitialRequests < s.limit.InitialRequests || c.InitialLevels < s.limit.InitialLevels {
			limit += 2 // it may be worth more for the deferred payload
		}
	}
	f := newFewest(s.model, s.root, start, selections, s.labels)
	f.initial = c
	c.Requests, c.Levels = f.search(limit, limit)
	if c.Requests == 0 {
		return planner.Cost{}
	}
	return c
}

// withoutDeferred returns selections without those that are deferred.
func withoutDeferred(selections []operation.Selection) []operation.Selection {
	kept := []operation.Selection{}
	for _, sel := range selections {
		switch sel := sel.(type) {
		case *operation.Field:
			if sel.Selections != nil {
				other := *sel
				other.Selections = withoutDeferred(sel.Selections)
				sel = &other
			}
			kept = append(kept, sel)
		case *operation.InlineFragment:
			if sel.Defer == nil {
				other := *sel
				other.Selections = withoutDeferred(sel.Selections)
				kept = append(kept, &other)
			}
		}
	}
	return kept
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
			got := cost(made)
			if x.Chosen != got {
				t.Errorf("the explanation says %+v, the plan costs %+v", x.Chosen, got)
			}
			if got.Requests > 3 {
				t.Errorf("got %d requests for %d fields from %d subgraphs, 3 suffice", got.Requests, fields, starts)
			}
			if tooMany := starts*fields*(fields+1)/2 > 2000; tooMany && x.Search == planner.Exact && x.Chosen != x.Bound {
				t.Errorf("the search for %d fields from %d subgraphs is called exact", fields, starts)
			}
		}
	}
}
