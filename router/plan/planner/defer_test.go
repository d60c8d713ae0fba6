package planner_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"souk/router/plan/planner"
)

// Deferring some selections never makes an operation impossible to plan.
func TestDeferredSelectionsHavePlans(t *testing.T) {
	planned, deferred := 0, 0
	for seed := *firstGraph; seed < *firstGraph+*graphs; seed++ {
		r := rand.New(rand.NewPCG(seed, 2))
		sdl, m, schema := parsedGraph(t, r, seed)
		c := &testCase{model: m, planner: planner.New(m, planner.Options{}), subgraphs: subgraphs(t, sdl, m)}
		plan := func(text string) error {
			doc, err := schema.Parse(text, "")
			if err != nil {
				t.Fatal(err)
			}
			p, err := c.planner.Plan(doc.Operation(nil))
			if err == nil {
				check(t, c, p)
			}
			return err
		}
		for range 4 {
			text := "query" + randomQuery(r, schema.Definitions(), schema.Definitions().Query, 0)
			if plan(text) != nil {
				continue // some fields cannot be fetched everywhere
			}
			planned++
			for range 4 {
				later := deferSome(r, text)
				if !strings.Contains(later, "@defer") {
					continue
				}
				deferred++
				if err := plan(later); err != nil {
					t.Errorf("graph %d: %v\n%s\n%s", seed, err, later, sdl)
				}
			}
		}
	}
	t.Logf("planned %d operations, and %d that defer some of their selections", planned, deferred)
	if deferred < planned {
		t.Errorf("planned %d operations, but only %d that defer something", planned, deferred)
	}
}

// Deferring some selections never makes the initial payload wait for more than it would without them.
func TestInitialPayloadsWaitForNothingElse(t *testing.T) {
	planned, incomplete := 0, 0
	for seed := *firstGraph; seed < *firstGraph+*graphs; seed++ {
		r := rand.New(rand.NewPCG(seed, 5))
		sdl, m, schema := parsedGraph(t, r, seed)
		p := planner.New(m, planner.Options{})
		for range 8 {
			text := deferSome(r, "query"+randomQuery(r, schema.Definitions(), schema.Definitions().Query, 0))
			if !strings.Contains(text, "@defer") {
				continue
			}
			doc, err := schema.Parse(text, "")
			if err != nil {
				t.Fatal(err)
			}
			op := doc.Operation(nil)
			got, x, err := p.Explain(op)
			if err != nil {
				continue // some fields cannot be fetched everywhere
			}
			alone := *op
			if alone.Selections = withoutDeferred(op.Selections); len(alone.Selections) == 0 {
				continue
			}
			_, want, err := p.Explain(&alone)
			if err != nil {
				t.Errorf("graph %d: %s has a plan, and none without its deferred selections: %v\n%s", seed, text, err, sdl)
				continue
			}
			planned++
			if x.Search == planner.Incomplete || want.Search == planner.Incomplete {
				incomplete++
				continue
			}
			if c := cost(got); c.InitialRequests != want.Chosen.Requests || c.InitialLevels != want.Chosen.Levels {
				t.Errorf("graph %d: %s: the plan costs %+v, and without its deferred selections %+v\n%s", seed, text, c, want.Chosen, sdl)
			}
		}
	}
	t.Logf("planned %d operations, the search was incomplete for %d", planned, incomplete)
	if planned == 0 || incomplete > planned/50 {
		t.Errorf("planned %d operations, the search was incomplete for %d", planned, incomplete)
	}
}

// deferSome defers some of the selections of a query that randomQuery returns, each with
// what is below it.
func deferSome(r *rand.Rand, query string) string {
	words := strings.Fields(strings.NewReplacer("{", " { ", "}", " } ").Replace(query))
	var b strings.Builder
	var open []bool // by selection set: whether its selection is deferred
	wrap := false
	for i, word := range words {
		switch {
		case word == "{":
			open = append(open, wrap)
			wrap = false
		case word == "}":
			last := len(open) - 1
			if b.WriteString(" }"); open[last] {
				b.WriteString(" }")
			}
			open = open[:last]
			continue
		case word == "on", words[max(i-1, 0)] == "on", len(open) == 0: // of a fragment, or the keyword query
		case r.IntN(4) == 0:
			b.WriteString(" ... @defer {")
			wrap = true
		}
		b.WriteString(" " + word)
		if wrap && word != "{" && word != "..." && word != "on" && (i+1 == len(words) || words[i+1] != "{" && words[i+1] != "on") {
			b.WriteString(" }")
			wrap = false
		}
	}
	return b.String()
}
