package planner_test

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
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

// parsedGraph returns the random graph with a seed.
func parsedGraph(t *testing.T, r *rand.Rand, seed uint64) (sdl string, m *supergraph.Model, schema *operation.Schema) {
	t.Helper()
	sdl = randomGraph(r)
	m, err := supergraph.Parse(sdl)
	if err != nil {
		t.Fatalf("graph %d: %v\n%s", seed, err, sdl)
	}
	if schema, err = operation.NewSchema(m.APISchema); err != nil {
		t.Fatal(err)
	}
	return sdl, m, schema
}

// No plan has fewer requests, and none with as many requests has fewer levels.
func TestNoPlanIsCheaper(t *testing.T) {
	planned, incomplete, several := map[string]int{}, 0, 0
	for seed := *firstGraph; seed < *firstGraph+*graphs; seed++ {
		r := rand.New(rand.NewPCG(seed, 1))
		sdl, m, schema := parsedGraph(t, r, seed)
		p := planner.New(m, planner.Options{})
		for range 4 {
			selections := randomQuery(r, schema.Definitions(), schema.Definitions().Query, 0)
			if strings.Contains(selections, "__typename") {
				continue
			}
			for _, kind := range []string{"query", "mutation", "subscription"} {
				doc, err := schema.Parse(kind+selections, "")
				if err != nil && kind == "subscription" { // it has several root fields
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				planned[kind]++
				labels := []string{"l"}[:r.IntN(2)]
				switch err := cheapest(m, p, doc.Operation(nil), labels); {
				case errors.Is(err, errIncomplete):
					incomplete++
				case errors.Is(err, errOneSubgraph):
					several++
				case err != nil:
					t.Errorf("graph %d: %s%s: %v\n%s", seed, kind, selections, err, sdl)
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
	planned, incomplete := 0, 0
	for seed := *firstGraph; seed < *firstGraph+*graphs; seed++ {
		r := rand.New(rand.NewPCG(seed, 3))
		sdl, m, schema := parsedGraph(t, r, seed)
		if len(m.Subgraphs) > 4 {
			continue
		}
		p := planner.New(m, planner.Options{})
		for range 8 {
			text := "query" + randomQuery(r, schema.Definitions(), schema.Definitions().Query, 0)
			if strings.Contains(text, "__typename") {
				continue
			}
			if text = deferSome(r, text); strings.Count(text, "@defer") != 1 {
				continue
			}
			doc, err := schema.Parse(text, "")
			if err != nil {
				t.Fatal(err)
			}
			planned++
			switch err := cheapest(m, p, doc.Operation(nil), nil); {
			case errors.Is(err, errIncomplete):
				incomplete++
			case err != nil && !errors.Is(err, errOneSubgraph):
				t.Errorf("graph %d: %s: %v\n%s", seed, text, err, sdl)
			}
		}
	}
	t.Logf("planned %d, the search was incomplete for %d", planned, incomplete)
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
