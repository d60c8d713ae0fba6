package oracle_test

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"

	"souk/router/internal/oracle"
	"souk/router/operation"
	"souk/router/plan"
	"souk/router/plan/planner"
	"souk/router/supergraph"
)

// TestNamesOfSubgraphsDoNotMatter plans operations on graphs whose subgraphs have
// exchanged their names, and with them the order that ties are broken in. If the search
// is complete, as it nearly always is, the plans need as many requests and levels.
// Nearly all need as many representations.
func TestNamesOfSubgraphsDoNotMatter(t *testing.T) {
	compared, incomplete, more := 0, 0, 0
	for seed := *firstSeed; seed < *firstSeed+8*(*graphs); seed++ {
		subgraphs := oracle.Split(seed)
		rng := rand.New(rand.NewPCG(seed, 3))
		var planners [3]*planner.Planner
		var schemas [3]*operation.Schema
		composes := true
		var world *oracle.World
		for i := range planners {
			renamed := subgraphs
			if i > 0 {
				renamed = rename(rng, subgraphs)
			}
			sdl, err := supergraphOf(t.Context(), renamed)
			if err != nil {
				composes = false
				break
			}
			model, err := supergraph.Parse(sdl)
			if err != nil {
				t.Fatal(err)
			}
			if schemas[i], err = operation.NewSchema(model.APISchema); err != nil {
				t.Fatal(err)
			}
			planners[i] = planner.New(model, planner.Options{})
			if i == 0 {
				if world, err = oracle.New(oracle.Options{Seed: seed, Subgraphs: subgraphs, API: model.APISchema}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if !composes {
			continue
		}
		for range *operations / 15 {
			op := world.Generate(rng.IntN)
			var first cost
			for i, p := range planners {
				doc, err := schemas[i].Parse(op.Query, "")
				if err != nil {
					break // conflicting fields
				}
				variables, err := doc.Variables(op.Variables)
				if err != nil {
					t.Fatal(err)
				}
				made, explanation, err := p.Explain(doc.Operation(variables))
				if err != nil {
					t.Errorf("graph %d: no plan: %v\n%s", seed, err, op.Query)
					break
				}
				got := costOf(made, explanation)
				compared++
				if got.search == planner.Incomplete {
					incomplete++
				}
				switch {
				case i == 0:
					first = got
				case got.search == planner.Incomplete || first.search == planner.Incomplete:
				case got.chosen != first.chosen:
					t.Errorf("graph %d: the plan costs %+v, with other names %+v\n%s\n%s", seed, first, got, op.Query, explain(made))
				case got.entities != first.entities:
					more++
				}
			}
		}
	}
	t.Logf("compared %d plans, the search was incomplete for %d, %d have another number of representations", compared, incomplete, more)
	if compared == 0 || incomplete > compared/100 || more > compared/200 {
		t.Error("too few plans were compared")
	}
}

type cost struct {
	chosen   planner.Cost
	entities int
	search   planner.Search
}

func costOf(p *plan.Plan, explanation planner.Explanation) cost {
	c := cost{chosen: explanation.Chosen, search: explanation.Search}
	for _, f := range p.Fetches {
		if f.FallbackFor != nil {
			continue
		}
		for _, e := range f.Entities {
			for _, target := range e.Targets {
				c.entities += len(target.Representations)
			}
		}
	}
	return c
}

var overridden = regexp.MustCompile(`from: "(\w+)"`)

// rename exchanges the names of subgraphs.
func rename(rng *rand.Rand, subgraphs map[string]string) map[string]string {
	var names []string
	for name := range subgraphs {
		names = append(names, name)
	}
	slices.Sort(names)
	to := map[string]string{}
	for i, j := range rng.Perm(len(names)) {
		to[names[i]] = names[j]
	}
	out := map[string]string{}
	for name, sdl := range subgraphs {
		out[to[name]] = overridden.ReplaceAllStringFunc(sdl, func(text string) string {
			return `from: "` + to[overridden.FindStringSubmatch(text)[1]] + `"`
		})
	}
	return out
}
