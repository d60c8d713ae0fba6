package planner_test

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"souk/router/operation"
	"souk/router/plan"
	"souk/router/plan/planner"
	"souk/router/supergraph"
)

// cost returns the cost of a plan.
func cost(p *plan.Plan) (c planner.Cost) {
	level := make([]int, len(p.Fetches))
	for i, s := range p.Fetches {
		for _, a := range s.DependsOn {
			level[i] = max(level[i], level[a])
		}
		if s.FallbackFor == nil { // a fallback is sent only after a failure
			level[i]++
			c.Requests++
		}
		c.Levels = max(c.Levels, level[i])
		if p.Deferred != nil && s.DeferID == 0 && s.FallbackFor == nil {
			c.InitialRequests++
			c.InitialLevels = max(c.InitialLevels, level[i])
		}
	}
	return c
}

// compareCosts compares the costs of plans as [planner.Cost] says.
func compareCosts(a, b planner.Cost) int {
	return cmp.Or(
		cmp.Compare(a.InitialRequests, b.InitialRequests), cmp.Compare(a.InitialLevels, b.InitialLevels),
		cmp.Compare(a.Requests, b.Requests), cmp.Compare(a.Levels, b.Levels))
}

var (
	firstGraph = flag.Uint64("planner.seed", 0, "the seed of the first random graph")
	graphs     = flag.Uint64("planner.graphs", 300, "how many random graphs to compare with exhaustive search")
)

// A graphCase is a random graph, with what a test needs of it.
type graphCase struct {
	seed    uint64
	r       *rand.Rand
	sdl     string
	model   *supergraph.Model
	schema  *operation.Schema
	planner *planner.Planner
}

// randomGraphs yields random graphs. Tests with other numbers get other ones for the same seeds.
func randomGraphs(t *testing.T, number uint64) iter.Seq[*graphCase] {
	return func(yield func(*graphCase) bool) {
		for seed := *firstGraph; seed < *firstGraph+*graphs; seed++ {
			g := &graphCase{seed: seed, r: rand.New(rand.NewPCG(seed, number))}
			g.sdl = randomGraph(g.r)
			var err error
			if g.model, err = supergraph.Parse(g.sdl); err != nil {
				t.Fatalf("graph %d: %v\n%s", seed, err, g.sdl)
			}
			if g.schema, err = operation.NewSchema(g.model.APISchema); err != nil {
				t.Fatal(err)
			}
			if g.planner = planner.New(g.model, planner.Options{}); !yield(g) {
				return
			}
		}
	}
}

// query returns a random query.
func (g *graphCase) query() string {
	return "query" + randomQuery(g.r, g.schema.Definitions(), g.schema.Definitions().Query, 0)
}

// A tally counts operations whose plans are compared, and those whose search is incomplete.
type tally struct{ planned, incomplete int }

// compare compares the plan of an operation with the cheapest one.
func (c *tally) compare(t *testing.T, g *graphCase, text string, op *operation.Operation) {
	t.Helper()
	c.planned++
	switch err := cheapest(g.model, g.planner, op, nil); {
	case errors.Is(err, errIncomplete):
		c.incomplete++
	case errors.Is(err, errOneSubgraph) && strings.Contains(text, "@defer"):
	case err != nil:
		t.Errorf("graph %d: %s: %v\n%s", g.seed, text, err, g.sdl)
	}
}

// No plan has fewer requests, and none with as many requests has fewer levels.
func TestNoPlanIsCheaper(t *testing.T) {
	planned, incomplete, several := map[string]int{}, 0, 0
	for g := range randomGraphs(t, 1) {
		for range 4 {
			selections := strings.TrimPrefix(g.query(), "query")
			if strings.Contains(selections, "__typename") {
				continue
			}
			for _, kind := range []string{"query", "mutation", "subscription"} {
				doc, err := g.schema.Parse(kind+selections, "")
				if err != nil && kind == "subscription" { // it has several root fields
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				planned[kind]++
				labels := []string{"l"}[:g.r.IntN(2)]
				switch err := cheapest(g.model, g.planner, doc.Operation(nil), labels); {
				case errors.Is(err, errIncomplete):
					incomplete++
				case errors.Is(err, errOneSubgraph):
					several++
				case err != nil:
					t.Errorf("graph %d: %s%s: %v\n%s", g.seed, kind, selections, err, g.sdl)
				}
			}
		}
	}
	t.Logf("planned %v, the search was incomplete for %d, an interface may be needed from several subgraphs for %d", planned, incomplete, several)
	if incomplete > planned["query"]/50 || several > planned["query"]/20 {
		t.Errorf("the search was incomplete for %d operations of %v, and %d have no plan", incomplete, planned, several)
	}
	if planned["mutation"] == 0 || planned["subscription"] == 0 {
		t.Errorf("planned %v, want all kinds", planned)
	}
}

// No plan of a query that defers some of its selections is dearer than need be.
func TestNoPlanWithDeferIsCheaper(t *testing.T) {
	var c tally
	for g := range randomGraphs(t, 3) {
		if len(g.model.Subgraphs) > 4 {
			continue
		}
		for range 8 {
			text := g.query()
			if strings.Contains(text, "__typename") {
				continue
			}
			if text = deferSome(g.r, text); strings.Count(text, "@defer") != 1 {
				continue
			}
			doc, err := g.schema.Parse(text, "")
			if err != nil {
				t.Fatal(err)
			}
			c.compare(t, g, text, doc.Operation(nil))
		}
	}
	t.Logf("planned %d, the search was incomplete for %d", c.planned, c.incomplete)
}

var (
	// errIncomplete is for plans whose search was incomplete.
	errIncomplete = errors.New("the search is incomplete")
	// errOneSubgraph is for operations without a plan that may need values of an interface from
	// several subgraphs: the planner has them from one for all types.
	errOneSubgraph = errors.New("an interface may be needed from several subgraphs")
)

func cheapest(m *supergraph.Model, p *planner.Planner, op *operation.Operation, labels []string) error {
	made, explanation, err := p.Explain(op, labels...)
	if err != nil {
		if fewest := fewestRequests(m, op, labels, planner.Cost{Requests: 5, InitialRequests: 5}); fewest.Requests > 0 {
			if u := (*planner.UnreachableError)(nil); errors.As(err, &u) && m.Type(u.Type).Interfaces != nil && len(m.Query.Field("i").In) > 1 {
				return errOneSubgraph
			}
			return fmt.Errorf("%+v suffices: %w", fewest, err)
		}
		return nil
	}
	got := cost(made)
	var b strings.Builder
	fmt.Fprintf(&b, "search %s, found %+v, %+v, bound %+v\n", explanation.Search, explanation.Greedy, explanation.Chosen, explanation.Bound)
	if err := plan.Print(&b, made); err != nil {
		return err
	}
	if explanation.Search == planner.Incomplete {
		return errIncomplete
	}
	if explanation.Chosen != got {
		return fmt.Errorf("the plan costs %+v:\n%s", got, b.String())
	}
	if compareCosts(got, explanation.Bound) < 0 {
		return fmt.Errorf("the plan costs less than the bound:\n%s", b.String())
	}
	switch fewest := fewestRequests(m, op, labels, got); {
	case fewest.Requests == 0:
		return fmt.Errorf("got %+v, which cannot answer the operation:\n%s", got, b.String())
	case compareCosts(fewest, got) < 0:
		return fmt.Errorf("%+v suffices, got %+v:\n%s", fewest, got, b.String())
	}
	return nil
}

// The order of subgraphs in the supergraph makes no difference.
func TestOrderOfSubgraphsDoesNotMatter(t *testing.T) {
	for seed := range *graphs {
		r := rand.New(rand.NewPCG(seed, 1))
		sdl := randomGraph(r)
		lines := strings.SplitAfter(sdl, "\n")
		first := slices.IndexFunc(lines, func(line string) bool { return strings.Contains(line, "@join__graph(") })
		last := first
		for strings.Contains(lines[last], "@join__graph(") {
			last++
		}
		slices.Reverse(lines[first:last])
		var planners [2]*planner.Planner
		var schema *operation.Schema
		for i, sdl := range []string{sdl, strings.Join(lines, "")} {
			m, err := supergraph.Parse(sdl)
			if err != nil {
				t.Fatal(err)
			}
			if schema, err = operation.NewSchema(m.APISchema); err != nil {
				t.Fatal(err)
			}
			planners[i] = planner.New(m, planner.Options{})
		}
		for range 4 {
			doc, err := schema.Parse(randomQuery(r, schema.Definitions(), schema.Definitions().Query, 0), "")
			if err != nil {
				t.Fatal(err)
			}
			var plans [2]strings.Builder
			for i, p := range planners {
				made, err := p.Plan(doc.Operation(nil))
				if err != nil {
					plans[i].WriteString(err.Error())
				} else if err := plan.Print(&plans[i], made); err != nil {
					t.Fatal(err)
				}
			}
			if one, other := plans[0].String(), plans[1].String(); one != other {
				t.Errorf("graph %d: got the plan\n%s\nand, with the subgraphs in another order,\n%s\n%s", seed, one, other, sdl)
			}
		}
	}
}
